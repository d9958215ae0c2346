//! The git repositories of tests are what they say: git itself can clone them, and is
//! refused as one would be elsewhere. Repositories that lie on this machine, which only
//! the local process can read, are indexed where they lie.

use std::path::{Path, PathBuf};

use pullcord_tests::git_remote::{Change, GitRemote, Wanted, git, many_contents, many_path};
use pullcord_tests::world::{Tenant, World, fresh, write};
use serde_json::{Value, json};

use crate::tests;

tests![
    git_clones_what_was_committed,
    the_same_story_gives_the_same_commits,
    a_remote_refuses_as_it_is_told,
    a_remote_falls_silent_and_goes_away,
    a_hundred_thousand_files_are_quickly_made,
    a_repository_on_this_machine_is_indexed_where_it_lies,
    a_repository_on_this_machine_is_pulled_from_its_own_remote,
    a_repository_outside_the_roots_is_refused,
    no_part_of_a_repository_leads_out_of_the_roots,
];

/// Clones with git's own client, which may be told more; what it said if it failed.
async fn cloned(remote: &GitRemote, more: &[&str]) -> Result<(tempfile::TempDir, PathBuf), String> {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("clone");
    let mut command = git(folder.path());
    command.args(more).args(["clone", "--quiet", &remote.url()]).arg(&place);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    if output.status.success() { Ok((folder, place)) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = git(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn git_clones_what_was_committed() {
    let remote = GitRemote::with(&[("a.rs", "fn a() {}\n"), ("gone.rs", "fn gone() {}\n"), ("old/name.rs", "fn name() {}\n")]).await;
    let odd = "odd/ünï \"quoted\" 'name' \\ #7.rs";
    let at = remote.head("main");
    let changes =
        [Change::Put(odd, b"binary \0 \xff"), Change::Link("link.rs", "a.rs"), Change::Module("vendored", &at), Change::Remove("gone.rs")];
    remote.record("main", &changes, "Odd things");
    let head = remote.rename("main", "old/name.rs", "new/name.rs");
    remote.branch("develop", "main");
    remote.commit("develop", &[("b.rs", Some("fn b() {}\n"))], "On develop");

    let (_folder, clone) = cloned(&remote, &[]).await.unwrap();

    assert_eq!(said(&clone, &["rev-parse", "HEAD"]), head);
    assert_eq!(said(&clone, &["rev-list", "--count", "HEAD"]), "3");
    assert_eq!(said(&clone, &["rev-parse", "origin/develop"]), remote.head("develop"));
    assert_eq!(std::fs::read(clone.join(odd)).unwrap(), b"binary \0 \xff");
    assert_eq!(std::fs::read_link(clone.join("link.rs")).unwrap(), Path::new("a.rs"));
    assert!(clone.join("new/name.rs").exists() && !clone.join("old").exists() && !clone.join("gone.rs").exists());
    assert!(said(&clone, &["ls-tree", "HEAD", "vendored"]).starts_with(&format!("160000 commit {at}")));
    assert!(remote.asked().iter().any(|asked| asked.is_for_a_pack() && asked.status == Some(200)), "{:#?}", remote.asked());

    let rewritten = remote.force_push("main", &[("c.rs", "fn c() {}\n")], "As if it began so");
    remote.delete_branch("develop");
    said(&clone, &["fetch", "--quiet", "--prune"]);
    assert_eq!(said(&clone, &["rev-parse", "origin/main"]), rewritten);
    assert_eq!(said(&clone, &["branch", "-r", "--format", "%(refname:short)"]), "origin\norigin/main");
    remote.commit("trunk", &[("t.rs", Some("fn t() {}\n"))], "A trunk");
    remote.set_head("trunk");
    let (_folder, clone) = cloned(&remote, &["-c", "protocol.version=0"]).await.unwrap();
    assert_eq!(said(&clone, &["branch", "--show-current"]), "trunk");
}

async fn the_same_story_gives_the_same_commits() {
    let (one, other) = (GitRemote::with(&[("a", "a")]).await, GitRemote::with(&[("a", "a")]).await);
    assert_eq!(one.head("main"), other.head("main"));
    assert_eq!(one.many("main", 120), other.many("main", 120));
}

async fn a_remote_refuses_as_it_is_told() {
    let remote = GitRemote::with(&[("a", "a")]).await;
    remote.wants(Some(Wanted::Token("open-sesame".into())));
    assert!(cloned(&remote, &[]).await.unwrap_err().contains("could not read Username"));
    assert_eq!(remote.asked().last().unwrap().status, Some(401));
    cloned(&remote, &["-c", "http.extraHeader=Authorization: Bearer open-sesame"]).await.unwrap();
    cloned(&remote, &["-c", "http.extraHeader=Authorization: Basic b2F1dGgyOm9wZW4tc2VzYW1l"]).await.unwrap();
    remote.wants(Some(Wanted::Basic("mona".into(), "open-sesame".into())));
    assert!(cloned(&remote, &["-c", "http.extraHeader=Authorization: Bearer open-sesame"]).await.is_err());
    remote.wants(None);

    for status in [500, 404, 403] {
        remote.fails_with(status);
        let why = cloned(&remote, &[]).await.unwrap_err();
        assert!(why.contains(&status.to_string()) || why.contains("not found"), "{status}: {why}");
    }
    remote.recovers();
    remote.fails_once(502);
    cloned(&remote, &[]).await.unwrap_err();
    cloned(&remote, &[]).await.unwrap();
    let other = GitRemote::with(&[("b", "b")]).await;
    remote.leads_to(&other.url());
    let (_folder, clone) = cloned(&remote, &[]).await.unwrap();
    assert_eq!(said(&clone, &["rev-parse", "HEAD"]), other.head("main"));
}

async fn a_remote_falls_silent_and_goes_away() {
    let mut remote = GitRemote::with(&[("a", "a")]).await;
    remote.hold();
    let (done, ()) = tokio::join!(cloned(&remote, &[]), async {
        remote.wait_for(1).await;
        assert_eq!(remote.asked()[0].status, None);
        remote.release();
    });
    done.unwrap();
    remote.goes_away().await;
    assert!(cloned(&remote, &[]).await.unwrap_err().contains("Failed to connect"));
    remote.comes_back().await;
    cloned(&remote, &[]).await.unwrap();
}

/// As many as a large repository has, for whoever measures; the scenarios make do
/// with fewer.
async fn a_hundred_thousand_files_are_quickly_made() {
    let remote = GitRemote::start().await;
    remote.many("main", 100_000);
    assert_eq!(remote.git(&["ls-tree", "-r", "--name-only", "main"]).lines().count(), 100_000);
    let blob = remote.git(&["show", &format!("main:{}", many_path(99_999))]);
    assert_eq!(blob, many_contents(99_999).trim());
}

/// A folder that repositories may lie in, with a clone of this one.
struct Here {
    world: World,
    _roots: tempfile::TempDir,
    clone: PathBuf,
}

async fn here(remote: &GitRemote) -> Here {
    let roots = tempfile::tempdir().unwrap();
    let folder = roots.path().canonicalize().unwrap();
    let clone = folder.join("web");
    let mut command = git(&folder);
    command.args(["clone", "--quiet", &remote.url()]).arg(&clone);
    assert!(tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap().success());
    let world = World::local_with(&[("PULLCORD_GIT_ROOTS", folder.to_str().unwrap())]).await;
    Here { world, _roots: roots, clone }
}

/// A source of a repository that lies there; its path on the surface of repositories.
async fn of_path(tenant: &Tenant<'_>, path: &Path) -> String {
    let id = fresh("index");
    let body = json!({"id": id, "kind": "index", "git": {"url": path.to_str().unwrap(), "remote": "origin"}});
    tenant.admin().post(&format!("/v1/workspaces/{}/sources", tenant.slug), body).await.is(201);
    format!("/api/repositories/{id}")
}

async fn synced(tenant: &Tenant<'_>, repository: &str, body: Value) -> Value {
    let job = tenant.admin().post(&format!("{repository}/sync?wait=PT20S"), body).await.is(200);
    assert_eq!(job["status"], "completed", "{job:#}");
    job
}

async fn best(tenant: &Tenant<'_>, repository: &str, query: &str) -> Value {
    tenant.admin().get(&format!("{repository}/search?q={query}")).await.is(200)["results"][0]["path"].clone()
}

/// S1.22, S1.74: what is committed there, and only that.
async fn a_repository_on_this_machine_is_indexed_where_it_lies() {
    let remote = GitRemote::with(&[("a.rs", "/// Opens the umbrella.\n")]).await;
    let here = here(&remote).await;
    let tenant = here.world.tenant().await;
    let repository = of_path(&tenant, &here.clone).await;
    let asked = remote.asked().len();
    synced(&tenant, &repository, json!({})).await;
    assert_eq!(best(&tenant, &repository, "umbrella").await, "a.rs");

    write(&here.clone, "b.rs", "/// Counts the whales.\n");
    assert_eq!(synced(&tenant, &repository, json!({})).await["result"]["files_added"], 0);
    said(&here.clone, &["add", "b.rs"]);
    said(&here.clone, &["commit", "--quiet", "--message", "Whales"]);
    assert_eq!(synced(&tenant, &repository, json!({})).await["result"]["files_added"], 1);
    assert_eq!(best(&tenant, &repository, "whales").await, "b.rs");
    assert_eq!(remote.asked().len(), asked, "nobody said to pull");
}

/// S1.22–S1.25: its own remote by its own name; what its owner is working on there is
/// not touched.
async fn a_repository_on_this_machine_is_pulled_from_its_own_remote() {
    let remote = GitRemote::with(&[("a.rs", "/// Opens the umbrella.\n")]).await;
    let here = here(&remote).await;
    let tenant = here.world.tenant().await;
    let repository = of_path(&tenant, &here.clone).await;
    synced(&tenant, &repository, json!({})).await;
    remote.commit("main", &[("b.rs", Some("/// Counts the whales.\n"))], "Whales");
    remote.commit("main", &[("c.rs", Some("/// Measures the giraffe.\n"))], "Giraffes");
    write(&here.clone, "a.rs", "/// Not committed yet.\n");

    assert_eq!(synced(&tenant, &repository, json!({})).await["result"]["files_added"], 0);
    let job = synced(&tenant, &repository, json!({"pull_remote": true, "remote": "origin", "branch": "main"})).await;

    assert_eq!((&job["result"]["pulled_commits"], &job["result"]["files_added"]), (&json!(2), &json!(2)), "{job:#}");
    assert_eq!(best(&tenant, &repository, "whales").await, "b.rs");
    assert_eq!(said(&here.clone, &["status", "--porcelain"]), "M a.rs");
    assert_eq!(std::fs::read_to_string(here.clone.join("a.rs")).unwrap(), "/// Not committed yet.\n");

    let unknown = json!({"pull_remote": true, "remote": "upstream"});
    tenant.admin().post(&format!("{repository}/sync"), unknown).await.problem(400, "VALIDATION_FAILED");
}

/// A link may not lead out of the roots either.
async fn a_repository_outside_the_roots_is_refused() {
    let remote = GitRemote::with(&[("a.rs", "/// Opens the umbrella.\n")]).await;
    let here = here(&remote).await;
    let tenant = here.world.tenant().await;
    let link = here.clone.with_file_name("link");
    std::os::unix::fs::symlink(remote.path(), &link).unwrap();
    let above = here.clone.join("../../..");
    for path in [remote.path(), link, above] {
        let body = json!({"id": fresh("index"), "kind": "index", "git": {"url": path.to_str().unwrap()}});
        let answer = tenant.admin().post(&format!("/v1/workspaces/{}/sources", tenant.slug), body).await;
        assert_eq!(answer.problem(400, "VALIDATION_FAILED")["errors"][0]["at"], "git.url");
    }
}

/// Invariant 10: whoever may write a repository there need not be allowed to read elsewhere. Neither is what lies elsewhere
/// indexed, nor is it shown by an error.
async fn no_part_of_a_repository_leads_out_of_the_roots() {
    let remote = GitRemote::with(&[("a.rs", "/// Opens the umbrella.\n")]).await;
    let here = here(&remote).await;
    let tenant = here.world.tenant().await;
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "secret", "canary-in-a-file");
    let secret = outside.path().join("secret");
    let elsewhere = remote.path();
    let folder = |name: &str| {
        let folder = here.clone.with_file_name(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    };
    let (by_file, by_link, by_content) = (folder("by-file"), folder("by-link"), folder("by-content"));
    write(&by_file, ".git", &format!("gitdir: {}\n", elsewhere.display()));
    std::os::unix::fs::symlink(&elsewhere, by_link.join(".git")).unwrap();
    std::os::unix::fs::symlink(&secret, by_content.join(".git")).unwrap();
    let by_objects = folder("by-objects");
    said(&by_objects, &["init", "--quiet"]);
    write(&by_objects, ".git/objects/info/alternates", &format!("{}\n", elsewhere.join("objects").display()));
    let by_head = folder("by-head");
    said(&by_head, &["init", "--quiet"]);
    std::fs::remove_file(by_head.join(".git/HEAD")).unwrap();
    std::os::unix::fs::symlink(&secret, by_head.join(".git/HEAD")).unwrap();
    for folder in [by_file, by_link, by_content, by_objects, by_head] {
        let repository = of_path(&tenant, &folder).await;

        let job = tenant.admin().post(&format!("{repository}/sync?wait=PT20S"), json!({})).await.is(200);

        assert_eq!(job["status"], "failed", "{}: {job:#}", folder.display());
        assert!(!job.to_string().contains("canary"), "{}: {job:#}", folder.display());
        let about = tenant.admin().get(&repository).await.is(200);
        assert!(about["files"].as_object().unwrap().is_empty() && !about.to_string().contains("canary"), "{about:#}");
    }
}
