//! The same scenarios against the stack as it is deployed: the SAM template, on
//! an emulator of AWS that enforces the IAM policies of every function's role.
//!
//! `make test` builds the functions first (`sam build --config-env emulator`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_sdk_dynamodb::types::{AttributeDefinition, CreateVectorIndexAction, IndexStatus, ScalarAttributeType, VectorIndexUpdate};
use futures::{FutureExt, StreamExt};
use pullcord_core::store::keys::TREE;
use pullcord_tests::scenarios::{self, Scenario};
use pullcord_tests::world::{Deployed, SECRET, World};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Themes that are played at the same time: most of theirs is waiting.
const SIDE_BY_SIDE: usize = 4;

/// A running emulator; it is stopped when this is dropped.
struct Emulator {
    port: u16,
    state: TempDir,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A command of this repository's own tools.
fn tool(program: &str, port: u16) -> Command {
    let mut command = Command::new(program);
    let path = format!("{}:{}", root().join(".venv/bin").display(), option_env!("PATH").unwrap_or_default());
    command.current_dir(root()).env("PATH", path);
    for (name, value) in [
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}").as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("SAM_CLI_TELEMETRY", "0"),
        ("SAM_CLI_POLL_DELAY", "0.2"),
    ] {
        command.env(name, value);
    }
    command
}

/// What a command printed, if it succeeded.
fn done(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|why| panic!("{command:?}: {why}; `make test` installs what is needed"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?} failed:\n{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

impl Emulator {
    fn start() -> Self {
        // Whoever bound it last is the one to get it: nobody else picks ports here.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let state = tempfile::tempdir().unwrap();
        let script = root().join("infra/emulator.sh");
        // The emulator outlives the script and would keep its output open.
        let log = std::fs::File::create(state.path().join("start.log")).unwrap();
        let mut start = tool("sh", port);
        start.arg(script).args(["start", &port.to_string()]).arg(state.path().join("emulator"));
        let status = start.stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
        let said = || std::fs::read_to_string(state.path().join("start.log")).unwrap();
        assert!(status.success(), "the emulator did not start: {}", said());
        Self { port, state }
    }

    /// Deploys a template that was built, and says where the stack answers.
    fn deploy(&self, template: &str) -> Deployed {
        let built = root().join(".aws-sam/emulator").join(template);
        assert!(built.exists(), "{} is missing: run `make test`, which builds it", built.display());
        let documents = self.state.path().join("documents");
        std::fs::create_dir_all(&documents).unwrap();
        let documents = documents.canonicalize().unwrap();
        let mut deploy = tool("sam", self.port);
        deploy.args(["deploy", "--config-env", "emulator", "--config-file"]).arg(root().join("samconfig.toml"));
        deploy.arg("--template-file").arg(&built).arg("--parameter-overrides");
        deploy.args(["Architecture=x86_64", "AllowHosts=127.0.0.1", "WorkerConcurrency=0", "Alarms=false"]);
        deploy.arg(format!("JwtSecret={SECRET}")).arg(format!("DocumentRoots={}", documents.display()));
        done(&mut deploy);
        let mut outputs = tool("sam", self.port);
        outputs.args(["list", "stack-outputs", "--config-env", "emulator", "--config-file"]).arg(root().join("samconfig.toml"));
        let outputs: Value = serde_json::from_str(&done(&mut outputs)).unwrap();
        let output = |name: &str| {
            let found = outputs.as_array().unwrap().iter().find(|output| output["OutputKey"] == name);
            found.unwrap_or_else(|| panic!("no output {name} in {outputs}"))["OutputValue"].as_str().unwrap().to_owned()
        };
        let api_host = output("ApiUrl").trim_start_matches("http://").trim_start_matches("https://").split('/').next().unwrap().to_owned();
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        runtime().block_on(searchable(&endpoint, &output("IndexTableName")));
        Deployed { endpoint, api_host, ops: output("OpsFunction"), scheduler: output("SchedulerFunction"), documents }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let stopped =
            tool("sh", self.port).arg(root().join("infra/emulator.sh")).arg("stop").arg(self.state.path().join("emulator")).status();
        assert!(stopped.is_ok_and(|status| status.success()), "the emulator did not stop");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A world of a stack whose first operator has just been made, by the ops
/// function as the guide says.
async fn world(stack: Deployed) -> World {
    let world = World::deployed(stack).await;
    let granted = world.ops(json!({"op": "grant", "workspace": "*", "user": "admin", "role": "admin"})).await;
    assert_eq!(granted["user"], "admin", "{granted}");
    world
}

async fn plays(scenario: &Scenario, world: &World) -> bool {
    std::panic::AssertUnwindSafe((scenario.play)(world)).catch_unwind().await.is_ok()
}

/// The emulator's CloudFormation leaves the vector index out, so it is made by hand, and is there some seconds later.
async fn searchable(endpoint: &str, table: &str) {
    let index = pullcord::engines::meaning_index().unwrap();
    let action = CreateVectorIndexAction::builder()
        .index_name(index.index_name)
        .set_vector_attribute(index.vector_attribute)
        .set_search_schema(index.search_schema)
        .set_projection(index.projection)
        .dimensions(index.dimensions)
        .distance_function(index.distance_function)
        .build()
        .unwrap();
    let tree = AttributeDefinition::builder().attribute_name(TREE).attribute_type(ScalarAttributeType::S).build().unwrap();
    let update = VectorIndexUpdate::builder().create(action).build();
    let client = table_client(endpoint);
    client.update_table().table_name(table).attribute_definitions(tree).vector_index_updates(update).send().await.unwrap();
    let is_there = || async {
        let described = client.describe_table().table_name(table).send().await.unwrap().table.unwrap();
        described.vector_indexes().iter().all(|index| index.index_status() == Some(&IndexStatus::Active))
    };
    while !is_there().await {
        pullcord_core::clock::Clock::system().sleep(std::time::Duration::from_millis(500)).await;
    }
}

/// The account's own client, that no policy binds.
fn table_client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

/// The module a scenario is of, without those within it.
fn theme(scenario: &Scenario) -> &'static str {
    let path = scenario.name.split_once("scenarios::").map_or(scenario.name, |(_, path)| path);
    path.split("::").next().unwrap_or(path)
}

/// Plays the scenarios of a theme one after the other, with a forge of their own; the
/// names of those that failed.
async fn play_theme(stack: Deployed, scenarios: Vec<Scenario>) -> Vec<&'static str> {
    let clock = pullcord_core::clock::Clock::system();
    let world = world(stack).await;
    let mut failed = Vec::new();
    for scenario in scenarios {
        let began = clock.now();
        let kept = plays(&scenario, &world).await;
        println!("{} {} ({} ms)", if kept { "kept  " } else { "BROKEN" }, scenario.name, clock.now().since(began).as_millis());
        if !kept {
            failed.push(scenario.name);
        }
    }
    failed
}

/// S0.42, S2.89: every scenario, through the functions, the table and the queues of the stack; the providers are played.
#[test]
fn the_deployed_stack_keeps_every_promise() {
    // All of them, unless whoever works on some says which.
    #[expect(clippy::disallowed_methods, reason = "a test is told by its environment what to play")]
    let wanted = std::env::var("SCENARIOS").unwrap_or_default();
    let emulator = Emulator::start();
    let stack = emulator.deploy("template.yaml");
    let mut themes: BTreeMap<&str, Vec<Scenario>> = BTreeMap::new();
    for scenario in scenarios::all().filter(|scenario| scenario.name.contains(&wanted)) {
        themes.entry(theme(&scenario)).or_default().push(scenario);
    }
    let failed: Vec<&str> = runtime().block_on(async {
        let played = futures::stream::iter(themes.into_values()).map(|theme| play_theme(stack.clone(), theme));
        played.buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>().await.concat()
    });
    assert!(failed.is_empty(), "{} scenarios failed on the deployed stack: {failed:#?}", failed.len());
}

/// S3.11: the policies are enforced, and none is wider than it must be where it counts:
/// with one permission taken away, the scenario that needs it fails.
#[test]
fn a_permission_less_is_a_promise_less() {
    let built = root().join(".aws-sam/emulator/template.yaml");
    let whole = std::fs::read_to_string(&built).unwrap_or_else(|why| panic!("{}: {why}: run `make test`", built.display()));
    let cases = [
        ("ApiRole", "kms:Encrypt", "a_first_sync_takes_every_open_issue"),
        ("ApiRole", "dynamodb:UpdateItem", "of_a_hundred_triggers_one_is_accepted"),
        ("OpsRole", "dynamodb:PutItem", ""),
    ];
    for (role, action, needing) in cases {
        assert!(scenarios::all().any(|scenario| scenario.name.contains(needing)), "there is no scenario {needing}");
        let name = "template-with-a-permission-less.yaml";
        std::fs::write(built.with_file_name(name), without(&whole, role, action)).unwrap();
        let emulator = Emulator::start();
        let stack = emulator.deploy(name);
        let kept = runtime().block_on(async {
            let world = std::panic::AssertUnwindSafe(world(stack)).catch_unwind().await;
            match (world, scenarios::all().find(|scenario| !needing.is_empty() && scenario.name.contains(needing))) {
                // Without it not even the first operator can be made.
                (Err(_), _) => false,
                (Ok(world), Some(scenario)) => plays(&scenario, &world).await,
                (Ok(_), None) => true,
            }
        });
        assert!(!kept, "{role} works without {action}: the policy is not enforced, or too wide");
    }
}

/// A template in which one role lacks one action.
fn without(template: &str, role: &str, action: &str) -> String {
    let start = template.find(&format!("\n  {role}:\n")).unwrap_or_else(|| panic!("no {role}"));
    let end =
        template[start + 3..].find("\n  Ops").or(template[start + 3..].find("Role:\n    Type")).map_or(template.len(), |at| start + 3 + at);
    let body = &template[start..end];
    let line = body.lines().find(|line| line.trim().trim_start_matches("- ").trim_start_matches("Action: ") == action);
    let line = line.unwrap_or_else(|| panic!("{role} has no {action}"));
    // An action that no request ever has keeps the statement well-formed.
    let harmless = line.replace(action, "dynamodb:DescribeLimits");
    format!("{}{}{}", &template[..start], body.replacen(line, &harmless, 1), &template[end..])
}
