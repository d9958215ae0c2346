//! The rules of the house: documents are true, and files are where they say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pullcord_api::problem::PROBLEMS;
use pullcord_core::config::VARIABLES;
use pullcord_core::store::keys::ROWS;

use crate::tests;

tests![
    every_row_is_documented,
    every_variable_is_documented,
    every_problem_is_explained,
    every_failure_is_explained,
    the_template_sets_what_the_code_reads,
    the_template_grants_what_no_emulator_checks,
    what_must_stand_in_one_file_stands_there,
    files_are_short_and_mains_only_boot,
    the_console_is_made_of_short_files_without_markup,
    the_description_describes,
    every_command_is_documented_and_every_example_understood,
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// The rows of Markdown tables, cell by cell, without their back-ticks.
fn table_rows(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with("| ") || line.starts_with("|`"));
    let cell = |cell: &str| cell.trim().trim_matches('`').replace('\u{1}', "|");
    rows.map(|row| row.replace("\\|", "\u{1}").trim_matches('|').split('|').map(cell).collect()).collect()
}

/// Rust files under these folders, with their text.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    files(folders, &["rs"])
}

/// Files of these kinds under these folders, with their text.
fn files(folders: &[&str], kinds: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = left.pop() {
        if path.is_dir() && !path.ends_with("node_modules") {
            left.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| kinds.iter().any(|kind| extension == *kind)) {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push((name, fs::read_to_string(path).unwrap()));
        }
    }
    found.sort();
    found
}

async fn every_row_is_documented() {
    let documented: BTreeSet<Vec<String>> =
        table_rows(&read("docs/data.md")).into_iter().map(|row| row.into_iter().take(3).collect()).collect();
    for row in ROWS {
        let wanted = vec![row.kind.to_owned(), row.pk.to_owned(), row.sk.to_owned()];
        assert!(documented.contains(&wanted), "docs/data.md has no row {wanted:?}");
    }
    let kinds: BTreeSet<&str> = ROWS.iter().map(|row| row.kind).collect();
    for (name, text) in sources(&["core/src"]) {
        for written in text.split("encode(\"").skip(1) {
            let kind = written.split('"').next().unwrap();
            assert!(kinds.contains(kind), "{name} writes rows of kind {kind}, which keys.rs does not list");
        }
    }
}

async fn every_variable_is_documented() {
    let rows = table_rows(&read("docs/operating.md"));
    let documented: Vec<_> =
        rows.iter().filter(|row| row[0].starts_with("PULLCORD_")).map(|row| (row[0].as_str(), row[1].as_str())).collect();
    let known: Vec<_> = VARIABLES.iter().map(|variable| (variable.name, variable.default)).collect();
    assert_eq!(documented, known);
}

async fn every_problem_is_explained() {
    let rows = table_rows(&read("docs/problems.md"));
    for kind in PROBLEMS {
        let row = rows.iter().find(|row| row[0] == kind.slug).unwrap_or_else(|| panic!("docs/problems.md does not explain {}", kind.slug));
        assert_eq!((row[1].as_str(), row[2].as_str()), (kind.code, kind.status.to_string().as_str()));
        assert!(row[4].len() > 5, "{} does not say what to do", kind.slug);
    }
}

/// Every code that a run can fail with.
async fn every_failure_is_explained() {
    let explained: BTreeSet<String> = table_rows(&read("docs/problems.md")).into_iter().map(|row| row[0].clone()).collect();
    let mut found = 0;
    for (name, text) in sources(&["core/src"]).into_iter().filter(|(name, _)| !name.ends_with("_tests.rs")) {
        for marker in ["End::failed(\"", "fail(run, now, \"", "fail(run, asked.now, \"", "(wait, why, \"", "Wait::Unknown, why, \""] {
            for after in text.split(marker).skip(1) {
                let code = after.split('"').next().unwrap();
                assert!(explained.contains(code), "{name} fails runs with {code}, which docs/problems.md does not explain");
                found += 1;
            }
        }
    }
    for (name, text) in sources(&["core/src/sync"]) {
        for after in text.split(".warn(\"").skip(1) {
            let code = after.split('"').next().unwrap();
            assert!(explained.contains(code), "{name} warns of {code}, which docs/problems.md does not explain");
        }
    }
    assert!(found > 15, "only {found} codes were found: the markers of this test are out of date");
}

async fn the_template_sets_what_the_code_reads() {
    let template = read("infra/template.yaml");
    let set: BTreeSet<&str> = template
        .split(|character: char| !(character.is_ascii_uppercase() || character == '_'))
        .filter(|word| word.starts_with("PULLCORD_"))
        .collect();
    let known: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    assert_eq!(set.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "the template sets what nothing reads");
    // Only the local process ticks by itself.
    assert_eq!(known.difference(&set).collect::<Vec<_>>(), [&"PULLCORD_TICK"], "the template leaves something unset");
}

/// S3.11: what the emulator lets pass though AWS would not.
async fn the_template_grants_what_no_emulator_checks() {
    let template = read("infra/template.yaml");
    let role = |name: &str| {
        let from = template.split(&format!("\n  {name}:\n")).nth(1).unwrap_or_else(|| panic!("no {name}"));
        from.split("\n  ")
            .take_while(|line| line.starts_with(' ') || line.is_empty() || line.starts_with('#') || line.starts_with("Type"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "kms:Decrypt", "logs:PutLogEvents"] {
        assert!(role("WorkerRole").contains(action), "the worker lacks {action}");
    }
    let api: String = role("ApiRole").split_whitespace().collect::<Vec<_>>().join(" ");
    let opens = "Action: kms:Decrypt Resource: !GetAtt Key.Arn Condition: { \"Null\": { \"kms:EncryptionContext:workspace\": \"true\" } }";
    assert_eq!(api.matches("kms:Decrypt").count(), api.matches(opens).count(), "the api may open secrets of webhooks, and no credential");
    assert!(!role("SchedulerRole").contains("kms:"), "the scheduler needs no key");
    // S3.39: the alarm and the warning of a run are of the same minutes.
    let drift = template.split("\n  DriftAlarm:\n").nth(1).and_then(|alarm| alarm.split("Threshold: ").nth(1)).expect("an alarm");
    assert_eq!(drift.split_whitespace().next(), Some(pullcord_core::moves::MOST_DRIFT.as_secs().to_string().as_str()));
    // S3.32: how much memory a function has is said, and can be said otherwise.
    assert_eq!(template.matches("Type: AWS::Serverless::Function").count(), template.matches("MemorySize: !Ref ").count());
    for needed in [
        "RecursiveLoop: Allow",
        "ReportBatchItemFailures",
        "PointInTimeRecovery",
        "lambda:InvokeFunctionUrl",
        "PayloadFormatVersion: \"2.0\"",
    ] {
        assert!(template.contains(needed), "the template lacks {needed}");
    }
    assert!(!template.contains("\"*\"]") && !template.contains("dynamodb:*") && !template.contains("sqs:*"), "a permission is too wide");
}

/// Invariant 12.
async fn what_must_stand_in_one_file_stands_there() {
    let code = sources(&["core/src", "functions", "cli/src"]);
    let only = |what: &str, words: &[&str], home: &[&str]| {
        for (name, text) in code.iter().filter(|(name, _)| !home.iter().any(|home| name.ends_with(home)) && !name.ends_with("_tests.rs")) {
            let body = text.split("#[cfg(test)]").next().unwrap();
            for word in words {
                assert!(!body.contains(word), "{name} has {word}: {what} belongs in {home:?}");
            }
        }
    };
    only("an expression", &["attribute_not_exists", "begins_with(#", "BETWEEN :", "if_not_exists"], &["store/conditions.rs"]);
    only("the environment", &["std::env::var", "env::vars"], &["core/src/config.rs", "functions/api/build.rs", "cli/src/environment.rs"]);
    only("the time", &["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"], &["core/src/clock.rs"]);
    only("a new run", &["Run::blank("], &["core/src/trigger/making.rs", "core/src/model/run.rs"]);
    for (name, text) in code.iter().filter(|(name, _)| name.contains("/providers")) {
        assert!(!text.contains("async "), "{name}: providers are pure");
    }
}

async fn files_are_short_and_mains_only_boot() {
    for (name, text) in sources(&["core/src", "functions", "cli/src", "tests"]) {
        let lines = text.lines().count();
        let most = if name.ends_with("/main.rs") && !name.starts_with("tests/") { 50 } else { 400 };
        assert!(lines <= most, "{name} has {lines} lines");
        assert!(text.starts_with("//!") || text.starts_with("use super"), "{name} does not say why it exists");
    }
}

/// What came from elsewhere becomes text and never markup; one place asks the API.
async fn the_console_is_made_of_short_files_without_markup() {
    let found = files(&["console", "tests/console"], &["js", "css"]);
    assert!(found.len() > 40, "{} files", found.len());
    for (name, text) in found {
        assert!(text.lines().count() <= 400, "{name} has {} lines", text.lines().count());
        assert!(text.starts_with("// ") || text.starts_with("/* "), "{name} does not say why it exists");
        for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
            assert!(!name.starts_with("console/") || !text.contains(word), "{name} has {word}");
        }
    }
}

async fn the_description_describes() {
    let description = serde_json::to_value(pullcord_api::description()).unwrap();
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() > 15, "{} paths", paths.len());
    let mut names = BTreeSet::new();
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(
                operation["summary"].as_str().or(operation["description"].as_str()).is_some_and(|text| text.len() > 5),
                "{method} {path} has no summary"
            );
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{method} {path}: the operation id {name} is not unique");
        }
    }
}

/// What the guide to the command line shows can be typed, and nothing is left out.
async fn every_command_is_documented_and_every_example_understood() {
    let guide = read("docs/command-line.md");
    let (readme, by_hand) = (read("README.md"), read("docs/manual-tests.md"));
    // There they stand in sentences, too, between back-ticks.
    let lines = [guide.as_str(), &readme].into_iter().flat_map(str::lines).chain(by_hand.lines().flat_map(|line| line.split('`')));
    let examples: Vec<Vec<String>> = lines.filter_map(typed).collect();
    assert!(examples.len() > 30, "{} examples", examples.len());
    for example in &examples {
        pullcord::command_line::understood(example).unwrap_or_else(|why| panic!("{example:?} is not understood: {why}"));
    }
    for name in pullcord::command_line::names() {
        let words: Vec<&str> = name.split(' ').collect();
        let shows = |example: &Vec<String>| example[1..].iter().map(String::as_str).take(words.len()).eq(words.iter().copied());
        assert!(name == "up" || examples.iter().any(shows), "docs/command-line.md has no example of pullcord {name}");
    }
    for (name, meaning) in pullcord::environment::VARIABLES {
        assert!(guide.contains(&format!("| `{name}` | {meaning} |")), "docs/command-line.md lacks {name}");
    }
}

/// The words of a line of a guide on which our program is called.
fn typed(line: &str) -> Option<Vec<String>> {
    let from =
        line.find("pullcord ").filter(|from| line[..*from].is_empty() || line[..*from].ends_with("| ") || line[..*from].ends_with("$("))?;
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in line[from..].chars() {
        match (letter, quote) {
            ('|' | '>' | '#' | ')' | '&' | '<', None) => break,
            (' ', None) => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
            ('\'' | '"', None) => quote = Some(letter),
            (closing, Some(open)) if closing == open => quote = None,
            (letter, _) => word.push(letter),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    Some(words)
}
