//! Which files of a folder are documents, and what is shown of them.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::{documents, folder_of, paths, run, state, status, synced};
use crate::world::World;

crate::scenarios![
    a_document_is_listed_with_what_its_file_says,
    a_title_is_the_first_heading,
    documents_are_listed_page_by_page,
    projects_are_listed_as_they_are,
    patterns_say_what_is_a_document,
    a_link_out_of_the_folder_is_not_followed,
    a_folder_that_became_a_link_is_not_read,
    a_file_that_is_not_text_is_listed_and_warned_of,
];

/// S4.17: what is listed is the file.
async fn a_document_is_listed_with_what_its_file_says(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[("deep/down/plain.md", "abc")]);
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
    File::options().write(true).open(folder.join("deep/down/plain.md")).unwrap().set_modified(changed).unwrap();
    let project = tenant.project(&folder).await;
    let developer = tenant.join("dev", "viewer").await;
    synced(&tenant.admin(), &project).await;

    let listed = developer.get(&format!("/api/v1/projects/{project}/documents")).await.is(200);
    let expected = json!({"path": "deep/down/plain.md", "title": "plain", "type": "document", "size": 3,
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "updated_at": "2026-01-02T03:04:05Z"});
    assert_eq!(listed, json!({"documents": [expected], "next_cursor": null}));
}

/// S4.17: a document is called what its first heading says, else as its file.
async fn a_title_is_the_first_heading(world: &World) {
    let tenant = world.tenant().await;
    let files = [
        ("a.md", "Some words.\n\n## The second level ##\n\n# The first", "The second level"),
        ("b.md", "---\n# no: heading\ntitle: x\n---\n# After the front matter", "After the front matter"),
        ("c.md", "```sh\n# a comment\n```\n# After the code", "After the code"),
        ("d.md", "Underlined\n==========\n", "Underlined"),
        ("e.md", "\u{feff}# After a mark\r\n", "After a mark"),
        ("f.md", "#hashtag\n#\n", "f"),
        ("g.md", "", "g"),
        ("ü/größe.md", "# Größe", "Größe"),
    ];
    let folder = world.folder(&files.map(|(path, text, _)| (path, text)));
    let project = tenant.project(&folder).await;
    let admin = tenant.admin();

    assert_eq!(state(&synced(&admin, &project).await), ("synced", 8));
    let titles = documents(&admin, &project).await.iter().map(|one| (one["path"].clone(), one["title"].clone())).collect::<Vec<_>>();
    assert_eq!(titles, files.map(|(path, _, title)| (json!(path), json!(title))));
}

/// S4.17: pages have what was asked for, and together every document once, even
/// where all files are of the same moment.
async fn documents_are_listed_page_by_page(world: &World) {
    let tenant = world.tenant().await;
    let folder = folder_of(world, 25);
    for entry in fs::read_dir(&folder).unwrap() {
        File::options().write(true).open(entry.unwrap().path()).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    let project = tenant.project(&folder).await;
    let admin = tenant.admin();
    synced(&admin, &project).await;

    let (mut lengths, mut seen, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/api/v1/projects/{project}/documents?limit=10{cursor}")).await.is(200);
        let listed = page["documents"].as_array().unwrap();
        lengths.push(listed.len());
        seen.extend(listed.iter().map(|document| document["path"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(lengths, [10, 10, 5]);
    seen.sort_unstable();
    assert_eq!(seen, (0..25).map(|number| format!("{number:04}.md")).collect::<Vec<_>>());
}

/// S4.17: the list shows each project as it is by itself, and nobody else's.
async fn projects_are_listed_as_they_are(world: &World) {
    let (tenant, other) = (world.tenant().await, world.tenant().await);
    let synced_one = tenant.project(&world.folder(&[("a.md", "# A")])).await;
    let broken_one = tenant.project(&world.folder(&[]).join("nowhere")).await;
    let new_one = tenant.project(&world.folder(&[])).await;
    other.project(&world.folder(&[])).await;
    let developer = tenant.join("dev", "member").await;
    synced(&developer, &synced_one).await;
    synced(&developer, &broken_one).await;

    let mut expected = Vec::new();
    for project in [&synced_one, &broken_one, &new_one] {
        expected.push(status(&developer, project).await);
    }
    assert_eq!(expected.iter().map(state).collect::<Vec<_>>(), [("synced", 1), ("error", 0), ("never_synced", 0)]);
    let listed = developer.get("/api/v1/projects").await.is(200);
    let mut listed = listed["projects"].as_array().unwrap().clone();
    for list in [&mut expected, &mut listed] {
        list.sort_by_key(|project| project["slug"].as_str().unwrap().to_owned());
    }
    assert_eq!(listed, expected);
}

/// S4.17: without patterns it is Markdown, with patterns what they say; what
/// they do not say any more is not a document any more.
async fn patterns_say_what_is_a_document(world: &World) {
    let tenant = world.tenant().await;
    let files = [("a.md", "# A"), ("b.txt", "B"), ("notes/c.md", "# C"), ("notes/deep/d.md", "# D"), ("notes/e.MD", "# E")];
    let (admin, folder) = (tenant.admin(), world.folder(&files));
    let project = tenant.project(&folder).await;
    synced(&admin, &project).await;
    assert_eq!(paths(&admin, &project).await, ["a.md", "notes/c.md", "notes/deep/d.md"]);

    let source = format!("/v1/sources/{project}");
    admin.patch(&source, json!({"patterns": ["*.txt", "notes/**/*.md"]})).await.is(200);
    synced(&admin, &project).await;
    assert_eq!(paths(&admin, &project).await, ["b.txt", "notes/c.md", "notes/deep/d.md"]);

    admin.patch(&source, json!({"patterns": ["**/{b,c}.*"]})).await.is(200);
    assert_eq!(state(&synced(&admin, &project).await), ("synced", 2));
    assert_eq!(paths(&admin, &project).await, ["b.txt", "notes/c.md"]);
}

/// S4.24: a link is not followed, be it to a file, to a folder or to where it
/// stands itself.
async fn a_link_out_of_the_folder_is_not_followed(world: &World) {
    let tenant = world.tenant().await;
    let outside = world.folder(&[("secret.md", "# Not yours")]);
    let folder = world.folder(&[("a.md", "# A")]);
    symlink(outside.join("secret.md"), folder.join("file.md")).unwrap();
    symlink(&outside, folder.join("outside")).unwrap();
    symlink("/etc", folder.join("etc.md")).unwrap();
    symlink(&folder, folder.join("loop")).unwrap();
    symlink("nowhere", folder.join("dangling.md")).unwrap();
    let project = tenant.project(&folder).await;
    let admin = tenant.admin();

    assert_eq!(state(&synced(&admin, &project).await), ("synced", 1));
    assert_eq!(paths(&admin, &project).await, ["a.md"]);
}

/// S4.24: where a folder really is, is judged anew by each sync.
async fn a_folder_that_became_a_link_is_not_read(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[("a.md", "# A")]);
    let project = tenant.project(&folder).await;
    let admin = tenant.admin();
    admin.patch(&format!("/v1/sources/{project}"), json!({"patterns": ["**"]})).await.is(200);
    synced(&admin, &project).await;

    fs::remove_dir_all(&folder).unwrap();
    symlink("/etc", &folder).unwrap();
    let after = synced(&admin, &project).await;
    assert_eq!((state(&after), after["sync_error"].is_string()), (("error", 1), true));
    assert_eq!(paths(&admin, &project).await, ["a.md"]);
}

/// S4.13: a file that is not UTF-8 does not stop the others.
async fn a_file_that_is_not_text_is_listed_and_warned_of(world: &World) {
    let tenant = world.tenant().await;
    let folder = world.folder(&[("a.md", "# A"), ("z.md", "# Z")]);
    fs::write(folder.join("latin.md"), b"# Gr\xf6\xdfe").unwrap();
    let project = tenant.project(&folder).await;
    let admin = tenant.admin();

    let run = run(&admin, &project).await;
    assert_eq!((&run["status"], &run["results"]["created"]), (&json!("completed_with_warnings"), &json!(3)));
    assert_eq!(run["warnings"].as_array().unwrap().iter().map(|warning| &warning["where"]).collect::<Vec<_>>(), ["latin.md"]);
    let listed = documents(&admin, &project).await;
    assert_eq!((&listed[1]["path"], &listed[1]["title"], &listed[1]["size"]), (&json!("latin.md"), &json!("latin"), &json!(7)));
    assert_eq!(status(&admin, &project).await["sync_status"], "synced");
}
