//! The test's hand on a repository's vulnerabilities, and the scan that finds a given number of them.

use jiff::{SignedDuration, Timestamp};

use crate::{
    repository::Repository,
    vulnerability::{Identifier, Licence, Severity, Vulnerability, VulnerabilityState},
};

/// What the scans find, in turns: the title, the kind of report, the scanner, the file, and the CWE.
const FINDINGS: [(&str, &str, &str, &str, u64); 6] = [
    ("SQL built from request parameters", "sast", "semgrep", "app/models/search.rb", 89),
    ("Deserialization of untrusted data in the cache client", "dependency_scanning", "gemnasium", "Gemfile.lock", 502),
    ("Private key committed to the repository", "secret_detection", "gitleaks", "config/deploy.pem", 798),
    ("Heap overflow in the image's zlib", "container_scanning", "trivy", "registry.example.com/acme/web:latest", 122),
    ("Cookie without the Secure attribute", "dast", "zaproxy", "https://staging.example.com/login", 614),
    ("Regular expression with exponential backtracking", "sast", "semgrep", "app/helpers/slug.rb", 1_333),
];

impl Repository {
    /// Adds a vulnerability detected now and gives its number. The closure may set everything but the number; it must
    /// not call the forge, whose lock is held.
    pub fn add_vulnerability(&self, fill: impl FnOnce(&mut Vulnerability)) -> u64 {
        self.write(|record, now, _| record.security.add(fill, now)).unwrap_or_default()
    }

    /// Changes a vulnerability and sets `updated_at` from the clock, unless the closure sets it. `false` where there is
    /// none. The closure must not call the forge, whose lock is held.
    pub fn edit_vulnerability(&self, number: u64, change: impl FnOnce(&mut Vulnerability)) -> bool {
        self.write(|record, now, _| record.security.edit(number, change, now)).unwrap_or_default()
    }

    /// From now on it is in no list.
    pub fn remove_vulnerability(&self, number: u64) -> bool {
        self.write(|record, _, _| record.security.remove(number)).unwrap_or_default()
    }

    /// All that are not removed, by number.
    pub fn vulnerabilities(&self) -> Vec<Vulnerability> {
        self.read(|record| record.security.all().cloned().collect()).unwrap_or_default()
    }

    /// Adds that many, of every severity, state and kind of report; the same each time for the same numbers and time.
    pub fn seed_vulnerabilities(&self, count: u64) {
        self.write(|record, now, _| {
            for number in (record.security.next_number()..).take(usize::try_from(count).unwrap_or(usize::MAX)) {
                record.security.add(|found| fill(found, number, now), now);
            }
        });
    }

    /// Whether the forge shows this repository's vulnerabilities. It does until told otherwise. That a forge is built
    /// without them is told for each repository too, so that one forge can be both.
    pub fn set_licence(&self, licence: Licence) {
        self.write(|record, _, _| record.security.licence = licence);
    }
}

fn fill(found: &mut Vulnerability, number: u64, now: Timestamp) {
    let (title, report_type, scanner, file, weakness) = FINDINGS[(number % FINDINGS.len() as u64) as usize];
    title.clone_into(&mut found.title);
    found.description = Some(format!("{title}, found by {scanner} in {file}."));
    report_type.clone_into(&mut found.report_type);
    scanner.clone_into(&mut found.scanner);
    file.clone_into(&mut found.file);
    found.line = number * 7 % 400 + 1;
    // Steps that share no divisor with the number of choices visit each of them.
    found.severity =
        [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info, Severity::Unknown][(number * 5 % 6) as usize];
    found.state = match number % 10 {
        0 => VulnerabilityState::Dismissed,
        1 | 2 => VulnerabilityState::Resolved,
        3 => VulnerabilityState::Confirmed,
        _ => VulnerabilityState::Detected,
    };
    found.resolved_on_default_branch = found.state == VulnerabilityState::Resolved;
    found.dismissal_reason = (found.state == VulnerabilityState::Dismissed).then(|| "false_positive".to_owned());
    let cve = format!("CVE-2026-{:05}", 10_000 + number % 90_000);
    let cve_url = format!("https://cve.mitre.org/cgi-bin/cvename.cgi?name={cve}");
    let cwe_url = format!("https://cwe.mitre.org/data/definitions/{weakness}.html");
    found.identifiers = vec![
        Identifier { kind: "cve".to_owned(), id: cve, url: Some(cve_url) },
        Identifier { kind: "cwe".to_owned(), id: weakness.to_string(), url: Some(cwe_url) },
    ];
    let age = SignedDuration::from_hours((number * 17 % 2_000 + 24) as i64);
    found.detected_at = now.saturating_sub(age).unwrap_or(now);
    found.updated_at = now.saturating_sub(age / 2).unwrap_or(now);
}
