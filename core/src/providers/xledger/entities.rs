//! What is asked of each entity, and how a query loses what an entity does not have.

/// What is asked of an entity of which nothing more is known.
const USUAL: &str = "dbId code description createdAt modifiedAt";
/// The fields of entities that are known, besides what is usual.
const KNOWN: &[(&str, &str)] = &[
    ("accounts", "ownerDbId posting"),
    ("companies", "ownerDbId companyNumber taxNumber"),
    ("contacts", "ownerDbId name email phone firstName lastName companyName fromDate toDate"),
    ("customers", "ownerDbId email fromDate toDate contract yourReference company{dbId,companyNumber}"),
    ("employees", "ownerDbId email dateFrom dateTo employmentFrom employmentTo contactDbId"),
    ("invoiceBaseItems", "ownerDbId text amount fromDate toDate invoiceDate invoiceAmount quantity unitPrice extOrder extIdentifier"),
    ("objectValues", "ownerDbId dateFrom dateTo posting objectKindDbId"),
    ("products", "ownerDbId allowPosting costPrice salesPrice inStock forSale unit"),
    (
        "projects",
        "ownerDbId text email fromDate toDate yourReference extIdentifier external billable fixedClient allowPosting timesheetEntry \
         accessControl assignment activity extOrder contract progressDate pctCompleted overview expenseLedger fundProject totalRevenue \
         yearlyRevenue contractedRevenue totalCost yearlyCost totalEstimateHours yearlyEstimateHours mainProjectDbId shortInfo \
         xgl{dbId,code} glObject1{dbId,code} glObject2{dbId,code} glObject3{dbId,code} glObject4{dbId,code} glObject5{dbId,code}",
    ),
    ("salesOrders", "ownerDbId orderNumber invoiceNumber orderDate deliveryDate dueDate amount invoiceAmount taxAmount yourReference"),
    ("suppliers", "ownerDbId email fromDate toDate contract yourReference company{dbId,companyNumber}"),
    (
        "timesheets",
        "ownerDbId text comment assignmentDate workingHours invoiceHours approved approvedAt isHeaderApproved headerApprovedAt invoiced \
         hourlyRevenueCurrency employee{dbId,code,description} project{dbId,code,description} activity{code,description} \
         timeType{code,description}",
    ),
];
/// What is usual and these do not have.
const WITHOUT: &[(&str, &[&str])] = &[
    ("accounts", &["createdAt"]),
    ("companies", &["createdAt"]),
    ("contacts", &["description"]),
    ("customers", &["createdAt"]),
    ("invoiceBaseItems", &["code", "description"]),
    ("suppliers", &["createdAt"]),
    ("timesheets", &["code", "description"]),
];

/// Whether its fields are known, so that one it lacks is a surprise.
pub(super) fn is_known(entity: &str) -> bool {
    KNOWN.iter().any(|(name, _)| *name == entity)
}

/// A query, with each field on a line of its own, so that one can be taken out.
pub(super) fn query(entity: &str, declared: &str, arguments: &str) -> String {
    let of = |table: &[(&str, &'static str)]| table.iter().find(|(name, _)| *name == entity).map(|(_, fields)| *fields);
    let lacks = WITHOUT.iter().find(|(name, _)| *name == entity).map_or(&[][..], |(_, fields)| *fields);
    let usual = USUAL.split_whitespace().filter(|field| !lacks.contains(field));
    let more = of(KNOWN).unwrap_or_default().split_whitespace();
    let lines: Vec<String> = usual.chain(more).map(|field| format!("      {}\n", field.replace(',', " "))).collect();
    let lines = lines.concat();
    format!(
        "query ({declared}) {{\n  {entity}({arguments}) {{\n    edges {{ cursor node {{\n{lines}    }} }}\n    pageInfo {{ hasNextPage }}\n  }}\n}}"
    )
}

/// A query without these fields, wherever they stand in it.
pub(super) fn without(query: &str, fields: &[String]) -> String {
    let is_meant = |word: &str| fields.iter().any(|field| field == word);
    let of_record = |line: &&str| line.starts_with("      ");
    let name = |line: &str| line.trim().split('{').next().unwrap_or_default().trim().to_owned();
    let stands_alone = query.lines().filter(of_record).any(|line| is_meant(&name(line)));
    let lines: Vec<&str> = query
        .lines()
        .filter(|line| {
            let within = line.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_')).any(is_meant);
            !of_record(line) || !(if stands_alone { is_meant(&name(line)) } else { within })
        })
        .collect();
    lines.join("\n")
}
