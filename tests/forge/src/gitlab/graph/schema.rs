//! Which types there are, what they have and what it takes: the part of GitLab's schema that leads to vulnerabilities.

/// What a field of a type is.
pub(super) struct Member {
    pub(super) name: &'static str,
    /// The type it gives, one or many.
    pub(super) of: &'static str,
    /// Its arguments and their types.
    pub(super) takes: &'static [(&'static str, &'static str)],
}

const fn member(name: &'static str, of: &'static str) -> Member {
    Member { name, of, takes: &[] }
}

const PROJECT_TAKES: &[(&str, &str)] = &[("fullPath", "ID!")];

const VULNERABILITIES_TAKE: &[(&str, &str)] = &[
    ("first", "Int"),
    ("last", "Int"),
    ("after", "String"),
    ("before", "String"),
    ("severity", "[VulnerabilitySeverity!]"),
    ("state", "[VulnerabilityState!]"),
    ("reportType", "[VulnerabilityReportType!]"),
    ("sort", "VulnerabilitySort"),
];

/// Of unions and of what cannot be selected from, nothing.
pub(super) fn members(of: &str) -> &'static [Member] {
    match of {
        "Query" => QUERY,
        "CurrentUser" => USER,
        "QueryComplexity" => QUERY_COMPLEXITY,
        "Project" => PROJECT,
        "VulnerabilityConnection" => CONNECTION,
        "VulnerabilityEdge" => EDGE,
        "PageInfo" => PAGE_INFO,
        "Vulnerability" => VULNERABILITY,
        "VulnerabilityScanner" => SCANNER,
        "VulnerabilityIdentifier" => IDENTIFIER,
        "VulnerabilityLink" => LINK,
        "VulnerabilityLocationSast" | "VulnerabilityLocationSecretDetection" => CODE_LOCATION,
        "VulnerabilityLocationDependencyScanning" => DEPENDENCY_LOCATION,
        "VulnerabilityLocationContainerScanning" => IMAGE_LOCATION,
        "VulnerabilityLocationDast" => SITE_LOCATION,
        "VulnerableDependency" => DEPENDENCY,
        "VulnerablePackage" => PACKAGE,
        _ => &[],
    }
}

/// The locations differ by the kind of report, and have no field in common.
pub(super) const LOCATION: &str = "VulnerabilityLocation";

pub(super) fn is_object(of: &str) -> bool {
    of == LOCATION || !members(of).is_empty()
}

/// The words of an enumeration.
pub(super) fn words(of: &str) -> Option<&'static [&'static str]> {
    match of {
        "VulnerabilitySeverity" => Some(&["INFO", "UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]),
        "VulnerabilityState" => Some(&["DETECTED", "CONFIRMED", "RESOLVED", "DISMISSED"]),
        "VulnerabilityReportType" => Some(&["SAST", "DEPENDENCY_SCANNING", "CONTAINER_SCANNING", "SECRET_DETECTION", "DAST"]),
        "VulnerabilitySort" => Some(&["severity_desc", "severity_asc", "detected_desc", "detected_asc"]),
        _ => None,
    }
}

/// The type of a location in a report of this kind.
pub(super) fn location_of(report_type: &str) -> &'static str {
    match report_type {
        "dependency_scanning" => "VulnerabilityLocationDependencyScanning",
        "container_scanning" => "VulnerabilityLocationContainerScanning",
        "secret_detection" => "VulnerabilityLocationSecretDetection",
        "dast" => "VulnerabilityLocationDast",
        _ => "VulnerabilityLocationSast",
    }
}

const QUERY: &[Member] = &[
    member("currentUser", "CurrentUser"),
    Member { name: "project", of: "Project", takes: PROJECT_TAKES },
    member("queryComplexity", "QueryComplexity"),
    Member { name: "vulnerability", of: "Vulnerability", takes: &[("id", "VulnerabilityID!")] },
];

const USER: &[Member] = &[member("id", "UserID"), member("username", "String"), member("name", "String"), member("webUrl", "String")];

const QUERY_COMPLEXITY: &[Member] = &[member("score", "Int"), member("limit", "Int")];

const PROJECT: &[Member] = &[
    member("id", "ID"),
    member("name", "String"),
    member("path", "ID"),
    member("fullPath", "ID"),
    member("description", "String"),
    member("webUrl", "String"),
    member("createdAt", "Time"),
    member("updatedAt", "Time"),
    member("lastActivityAt", "Time"),
    member("archived", "Boolean"),
    member("visibility", "String"),
    member("openIssuesCount", "Int"),
    Member { name: "vulnerabilities", of: "VulnerabilityConnection", takes: VULNERABILITIES_TAKE },
];

const CONNECTION: &[Member] = &[member("nodes", "Vulnerability"), member("edges", "VulnerabilityEdge"), member("pageInfo", "PageInfo")];

const EDGE: &[Member] = &[member("cursor", "String"), member("node", "Vulnerability")];

const PAGE_INFO: &[Member] = &[
    member("hasNextPage", "Boolean"),
    member("hasPreviousPage", "Boolean"),
    member("startCursor", "String"),
    member("endCursor", "String"),
];

const VULNERABILITY: &[Member] = &[
    member("id", "ID"),
    member("uuid", "String"),
    member("title", "String"),
    member("description", "String"),
    member("solution", "String"),
    member("state", "VulnerabilityState"),
    member("severity", "VulnerabilitySeverity"),
    member("reportType", "VulnerabilityReportType"),
    member("detectedAt", "Time"),
    member("confirmedAt", "Time"),
    member("resolvedAt", "Time"),
    member("dismissedAt", "Time"),
    member("updatedAt", "Time"),
    member("dismissalReason", "VulnerabilityDismissalReason"),
    member("resolvedOnDefaultBranch", "Boolean"),
    member("presentOnDefaultBranch", "Boolean"),
    member("falsePositive", "Boolean"),
    member("hasRemediations", "Boolean"),
    member("userNotesCount", "Int"),
    member("vulnerabilityPath", "String"),
    member("webUrl", "String"),
    member("scanner", "VulnerabilityScanner"),
    member("primaryIdentifier", "VulnerabilityIdentifier"),
    member("identifiers", "VulnerabilityIdentifier"),
    member("links", "VulnerabilityLink"),
    member("location", LOCATION),
    member("project", "Project"),
];

const SCANNER: &[Member] = &[
    member("externalId", "String"),
    member("name", "String"),
    member("vendor", "String"),
    member("reportType", "VulnerabilityReportType"),
];

const IDENTIFIER: &[Member] =
    &[member("externalType", "String"), member("externalId", "String"), member("name", "String"), member("url", "String")];

const LINK: &[Member] = &[member("name", "String"), member("url", "String")];

const CODE_LOCATION: &[Member] = &[
    member("file", "String"),
    member("startLine", "String"),
    member("endLine", "String"),
    member("vulnerableClass", "String"),
    member("vulnerableMethod", "String"),
    member("blobPath", "String"),
];

const DEPENDENCY_LOCATION: &[Member] =
    &[member("file", "String"), member("blobPath", "String"), member("dependency", "VulnerableDependency")];

const IMAGE_LOCATION: &[Member] =
    &[member("image", "String"), member("operatingSystem", "String"), member("dependency", "VulnerableDependency")];

const SITE_LOCATION: &[Member] =
    &[member("hostname", "String"), member("path", "String"), member("param", "String"), member("requestMethod", "String")];

const DEPENDENCY: &[Member] = &[member("package", "VulnerablePackage"), member("version", "String")];

const PACKAGE: &[Member] = &[member("name", "String"), member("path", "String")];
