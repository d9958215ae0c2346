//! Workspaces: surface 3.1, where admins refresh everything, or one repository.

use std::time::Duration;

use jiff::SignedDuration;
use pullcord_core::clock::Moment;
use pullcord_forge::{Behaviour, Fault, Repository};
use serde_json::{Value, json};

use super::issues::open;
use crate::world::{Answer, Session, Tenant, World, fresh};

pub mod children;
pub mod cooldowns;
pub mod quota;
pub mod resetting;
pub mod triggering;

/// How often a run is looked at before it is given up.
const MOST_LOOKS: usize = 240;

/// A workspace whose repositories are refreshed.
struct Given<'w> {
    tenant: Tenant<'w>,
    admin: Session<'w>,
    /// What its repositories belong to, so that they can be synced where no cooldown
    /// is known, too.
    project: String,
}

/// A repository of the forge that nobody else knows, with a source of it.
struct Watched {
    repository: Repository,
    /// owner/name
    name: String,
    /// Where the forge lists its issues; what faults are scripted on.
    issues: String,
    source: String,
    token: String,
}

/// Triggers in this workspace need not wait for each other.
async fn given(world: &World) -> Given<'_> {
    let given = cooling(world).await;
    given.cools_for("PT0S", "PT0S").await;
    given
}

/// Triggers cool down, as they do unless an admin says otherwise.
async fn cooling(world: &World) -> Given<'_> {
    let tenant = world.tenant().await;
    let project = fresh("plan");
    let body = json!({"id": project, "name": "A plan"});
    tenant.admin().post(&format!("/v1/workspaces/{}/projects", tenant.slug), body).await.is(201);
    Given { admin: tenant.admin(), project, tenant }
}

impl Given<'_> {
    async fn cools_for(&self, workspace: &str, repository: &str) {
        let settings = json!({"cooldowns": {"workspace": workspace, "repository": repository}});
        self.admin.patch(&format!("/v1/workspaces/{}", self.tenant.slug), settings).await.is(200);
    }

    /// A repository with so many open issues, and a credential of its own.
    async fn repository(&self, issues: u64) -> Watched {
        self.made(&fresh("token-of"), issues, json!({})).await
    }

    async fn made(&self, token: &str, issues: u64, more: Value) -> Watched {
        let name = format!("acme/{}", fresh("web"));
        let repository = self.tenant.world.forge.repository(&name);
        repository.seed(&open(issues));
        let own = more["id"].as_str().map(str::to_owned);
        let more = with(json!({"project": self.project, "credential": {"token": token}}), more);
        let made = self.tenant.repository_with(&name, more).await;
        Watched { repository, issues: format!("/repos/{name}/issues"), name, source: own.unwrap_or(made), token: token.to_owned() }
    }

    /// Where triggers of this surface are sent to.
    fn path(&self) -> String {
        format!("/api/workspaces/{}/sync/trigger", self.tenant.slug)
    }

    /// Where the same is asked for in the native API.
    fn native(&self) -> String {
        format!("/v1/workspaces/{}/sync", self.tenant.slug)
    }

    async fn ask(&self, body: Value) -> Answer {
        self.admin.post(&self.path(), body).await
    }

    /// The run of a trigger that has to be accepted.
    async fn accepted(&self, body: Value) -> String {
        let accepted = self.ask(body).await.is(202);
        assert_eq!((&accepted["accepted"], accepted.get("cooldownRemaining")), (&json!(true), Some(&Value::Null)), "{accepted:#}");
        run_of(&accepted)
    }

    /// The run of a trigger that has to be accepted, once its forge was asked and is
    /// silent until it is released.
    async fn held(&self, body: Value, silent: &Watched) -> String {
        let before = self.silence(silent);
        let run = self.accepted(body).await;
        self.tenant.world.forge.wait_for(&silent.issues, before + 1).await;
        run
    }

    /// The same of a sync on the surface of projects, which knows no cooldown.
    async fn held_elsewhere(&self, silent: &Watched) -> String {
        let before = self.silence(silent);
        let path = format!("/api/projects/{}/repositories/{}/sync", self.project, silent.source);
        let operation = self.admin.post(&path, json!({"mode": "async"})).await.is(202);
        self.tenant.world.forge.wait_for(&silent.issues, before + 1).await;
        operation["operationId"].as_str().unwrap().to_owned()
    }

    /// How often the forge was asked for these issues before it fell silent.
    fn silence(&self, silent: &Watched) -> usize {
        let before = self.asked(silent);
        self.tenant.world.forge.script(Fault::on(&silent.issues, Behaviour::Hang));
        before
    }

    fn asked(&self, watched: &Watched) -> usize {
        self.tenant.world.forge.requests_to(&watched.issues).len()
    }

    /// A refusal of a trigger for a while, which says truly how long that is.
    async fn refused(&self, body: Value, reason: &str) -> Value {
        let clock = &self.tenant.world.clock;
        let before = clock.now();
        let answer = self.ask(body).await;
        let after = clock.now();
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        let refused = answer.problem(429, reason);
        assert_eq!((&refused["accepted"], &refused["reason"]), (&json!(false), &json!(reason)), "{refused:#}");
        let until = at(&refused["nextAllowedAt"]);
        let true_ones = until.since(after).as_secs()..=until.since(before).as_secs() + 1;
        let remaining = span(&refused["cooldownRemaining"]).as_secs();
        assert!(true_ones.contains(&wait) && true_ones.contains(&u64::try_from(remaining).unwrap()), "{wait} {refused:#}");
        refused
    }

    async fn run(&self, run: &str) -> Value {
        self.admin.get(&format!("/v1/runs/{run}")).await.is(200)
    }

    /// A run, once it is as wanted. When a workspace run looks at its children is the
    /// tick's to notice.
    async fn once(&self, run: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut after = 0;
        for _ in 0..MOST_LOOKS {
            let found = self.admin.get(&format!("/v1/runs/{run}?wait=PT1S&after={after}")).await.is(200);
            if wanted(&found) {
                return found;
            }
            assert!(found["finished_at"].is_null(), "the run ended otherwise: {found:#}");
            if found["version"] == after {
                passes(self.tenant.world).await;
            }
            after = found["version"].as_u64().unwrap();
        }
        panic!("run {run} never got there");
    }

    async fn ended(&self, run: &str) -> Value {
        self.once(run, |run| run["finished_at"].is_string()).await
    }

    /// The children of a workspace run, in the order in which they are listed.
    async fn children(&self, run: &str) -> Vec<Value> {
        let (mut children, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.admin.get(&format!("/v1/runs/{run}/children{cursor}")).await.is(200);
            children.extend(page["children"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("?cursor={next}"),
                None => return children,
            }
        }
    }

    /// The children, once it was decided on so many.
    async fn begun(&self, run: &str, count: usize) -> Vec<Value> {
        for _ in 0..MOST_LOOKS {
            let children = self.children(run).await;
            let decided = children.iter().filter(|child| child["run"].is_object() || child["refused"].is_object()).count();
            if decided >= count {
                return children;
            }
            let seen = self.run(run).await;
            let later = self.admin.get(&format!("/v1/runs/{run}?wait=PT1S&after={}", seen["version"])).await.is(200);
            if later["version"] == seen["version"] {
                passes(self.tenant.world).await;
            }
        }
        panic!("run {run} never got {count} children");
    }

    async fn look(&self, watched: &Watched) -> Value {
        self.admin.get(&format!("/v1/sources/{}", watched.source)).await.is(200)
    }

    /// How many runs of this workspace there are.
    async fn runs(&self) -> usize {
        let listed = self.admin.get(&format!("/v1/workspaces/{}/runs", self.tenant.slug)).await.is(200);
        listed["runs"].as_array().unwrap().len()
    }

    /// The newest line of the audit that is as wanted.
    async fn line(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let audit = self.admin.get(&format!("/v1/workspaces/{}/audit", self.tenant.slug)).await.is(200);
        let found = audit["audit"].as_array().unwrap().iter().find(|line| wanted(line));
        found.unwrap_or_else(|| panic!("no such line in {audit:#}")).clone()
    }

    /// Gives a repository another credential.
    async fn renew(&self, watched: &Watched) {
        let change = json!({"credential": {"token": fresh("another-token")}});
        self.admin.patch(&format!("/v1/sources/{}", watched.source), change).await.is(200);
    }
}

fn everything() -> Value {
    json!({"scope": "WORKSPACE"})
}

fn one(watched: &Watched) -> Value {
    json!({"scope": "REPOSITORY", "repositoryId": watched.source})
}

/// A body with more in it.
fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn run_of(answer: &Value) -> String {
    answer["runId"].as_str().unwrap().to_owned()
}

/// The child of a workspace run that is this repository's.
fn child_of<'children>(children: &'children [Value], watched: &Watched) -> &'children Value {
    let mut found = children.iter().filter(|child| child["source"] == json!(watched.source));
    let (first, second) = (found.next(), found.next());
    assert!(second.is_none(), "{} is there twice", watched.source);
    first.unwrap_or_else(|| panic!("no {} in {children:#?}", watched.source))
}

fn id_of(child: &Value) -> String {
    child["run"]["id"].as_str().unwrap().to_owned()
}

/// A number that nothing is called by.
fn number() -> u64 {
    let name = fresh("number");
    let place: u64 = name.rsplit('-').next().unwrap().parse().unwrap();
    u64::from(std::process::id()) * 1_000_000 + place
}

/// Where a request is not valid.
#[track_caller]
fn wrong_at(answer: Answer) -> Vec<String> {
    let problem = answer.problem(400, "VALIDATION_FAILED");
    problem["errors"].as_array().unwrap().iter().map(|error| error["at"].as_str().unwrap().to_owned()).collect()
}

fn at(time: &Value) -> Moment {
    Moment::parse(time.as_str().unwrap()).unwrap()
}

fn span(duration: &Value) -> SignedDuration {
    duration.as_str().unwrap().parse().unwrap()
}

/// Turns the clock to so many seconds after a moment.
fn turn_to(world: &World, moment: &Value, late: i64) {
    let left = at(moment).0 + late * 1_000 - world.clock.now().0;
    world.clock.turn(SignedDuration::from_millis(left));
}

/// The moment has come, and with it a tick. Time is turned where it can be, and
/// passes elsewhere.
async fn comes(world: &World, moment: &Value) {
    if world.is_local() {
        turn_to(world, moment, 1);
    } else {
        world.clock.sleep(at(moment).since(world.clock.now()) + Duration::from_secs(1)).await;
    }
    world.tick().await;
}

/// Some time passes, where it can be turned, and with it a tick.
async fn passes(world: &World) {
    if world.is_local() {
        world.clock.turn(SignedDuration::from_secs(20));
    }
    world.tick().await;
}
