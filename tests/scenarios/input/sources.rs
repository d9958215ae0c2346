//! What a source can be made of: ids, folders, patterns, addresses, credentials and
//! repositories.

use serde_json::json;

use super::{in_vain, invalid, invalid_at};
use crate::world::{World, fresh};

crate::scenarios![
    a_source_has_what_its_kind_needs,
    an_id_is_plain,
    documents_lie_under_the_roots,
    a_pattern_is_a_pattern,
    a_base_url_leads_to_the_public_internet,
    a_credential_fits_in_a_header,
    a_repository_is_an_owner_and_a_name,
];

/// S2.84: answers 400 for what a kind of source needs and has not, or has and
/// cannot use.
async fn a_source_has_what_its_kind_needs(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let folder = world.folder(&[]);
    let path = folder.to_str().unwrap();
    in_vain(&tenant, async {
        let mut wrong = vec![
            (json!({}), "kind"),
            (json!({"kind": "documents"}), "path"),
            (json!({"kind": "documents", "path": path, "repository": "acme/web"}), "repository"),
            (json!({"kind": "documents", "path": path, "credential": {"token": "x"}}), "credential"),
            (json!({"kind": "documents", "path": path, "project": fresh("none")}), "project"),
            (json!({"kind": "repository", "provider": "github"}), "repository"),
            (json!({"kind": "repository", "repository": "acme/web", "provider": "cvs"}), "provider"),
            (json!({"kind": "repository", "provider": "github", "repository": "acme/web", "path": path}), "path"),
            (json!({"kind": "repository", "provider": "github", "repository": "acme/web", "streams": ["stars"]}), "streams"),
            (json!({"kind": "repository", "provider": "github", "repository": "acme/web", "streams": ["issues", "issues"]}), "streams"),
        ];
        for (new, at) in &mut wrong {
            new["id"] = json!(fresh("source"));
            invalid_at(admin.post(&sources, new.clone()).await, at);
        }
    })
    .await;
}

/// Answers 400: `[a-z0-9][a-z0-9._-]{0,63}`.
async fn an_id_is_plain(world: &World) {
    let tenant = world.tenant().await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    let long = "a".repeat(65);
    let wrong = ["", "A", "-a", ".", "..", ".a", "_a", "a/b", "a b", " a", "a\n", "a\0", "é", "ａ", "a*", "*", "a#b", "%61", &long];
    in_vain(&tenant, async {
        for id in wrong {
            invalid_at(world.operator().post("/v1/workspaces", json!({"slug": id, "name": "x"})).await, "slug");
            invalid_at(admin.post(&format!("{w}/projects"), json!({"id": id, "name": "x"})).await, "id");
            let source = json!({"id": id, "kind": "repository", "provider": "github", "repository": "acme/web"});
            invalid_at(admin.post(&format!("{w}/sources"), source).await, "id");
        }
    })
    .await;
    let longest = format!("{:x<64}", fresh("0._-"));
    admin.post(&format!("{w}/projects"), json!({"id": longest, "name": "x"})).await.is(201);
}

/// S4.24: answers 400 for folders that no operator allowed.
async fn documents_lie_under_the_roots(world: &World) {
    let tenant = world.tenant().await;
    let (admin, w) = (tenant.admin(), format!("/v1/workspaces/{}", tenant.slug));
    let folder = world.folder(&[]);
    let project = tenant.project(&folder).await;
    let (inside, root) = (folder.to_str().unwrap(), folder.parent().unwrap().to_str().unwrap());
    std::os::unix::fs::symlink("/etc", folder.join("link")).unwrap();
    let wrong = [
        "/etc".to_owned(),
        "/".to_owned(),
        "/nowhere/at/all".to_owned(),
        String::new(),
        "..".to_owned(),
        "../..".to_owned(),
        "documents".to_owned(),
        "~".to_owned(),
        "C:\\documents".to_owned(),
        format!("file://{inside}"),
        format!("{inside}/../../.."),
        format!("{root}/.."),
        format!("{root}/../../etc"),
        format!("{root}/nowhere/../../.."),
        format!("{root}-of-another"),
        format!("{inside}/link"),
        format!("{inside}\0"),
        format!("{root}/\0/x"),
        format!(" {inside}"),
    ];
    in_vain(&tenant, async {
        for path in wrong {
            invalid_at(admin.post(&format!("{w}/projects"), json!({"id": fresh("docs"), "name": "x", "path": path})).await, "path");
            invalid_at(admin.post(&format!("{w}/sources"), json!({"id": fresh("docs"), "kind": "documents", "path": path})).await, "path");
            invalid_at(admin.patch(&format!("/v1/sources/{project}"), json!({"path": path})).await, "path");
        }
    })
    .await;
}

/// Answers 400: what no pattern can be.
async fn a_pattern_is_a_pattern(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let folder = world.folder(&[]);
    let project = tenant.project(&folder).await;
    in_vain(&tenant, async {
        for pattern in ["[", "[a", "{a,b", "a}", "[z-a]", "\\"] {
            let new = json!({"id": fresh("docs"), "kind": "documents", "path": folder.to_str().unwrap(), "patterns": ["**/*.md", pattern]});
            let wrong = invalid(admin.post(&sources, new).await);
            assert!(wrong["patterns"].contains(pattern), "{wrong:?}");
            invalid_at(admin.patch(&format!("/v1/sources/{project}"), json!({"patterns": [pattern]})).await, "patterns");
        }
        invalid_at(admin.patch(&format!("/v1/sources/{project}"), json!({"patterns": "**"})).await, "patterns");
        invalid_at(admin.patch(&format!("/v1/sources/{project}"), json!({"patterns": ["**", 1]})).await, "patterns[1]");
    })
    .await;
}

/// S2.84: answers 400 for every spelling of an address that is not public, and
/// for whatever is not plain HTTPS.
async fn a_base_url_leads_to_the_public_internet(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let source = tenant.repository(&format!("acme/{}", fresh("address"))).await;
    let private = "https://10.1.2.3 https://10.1.2.3. https://10.66051 https://167838211 https://0x0a.1.2.3 https://0x0a010203 \
        https://012.1.2.3 https://%31%30.1.2.3 https://１０.1.2.3 https://10。1。2。3 https://[::ffff:10.1.2.3] https://[::ffff:a01:203] \
        https://[64:ff9b::a01:203] https://[2002:a01:203::] https://172.16.0.1 https://192.168.1.1";
    let special = "https://0.0.0.0 https://0 https://[::] https://100.64.0.1 https://169.254.169.254 https://[fe80::1] https://[fd00::1] \
        https://[fd00:ec2::254] https://224.0.0.1 https://[ff02::1] https://255.255.255.255 https://metadata.google.internal \
        https://METADATA.google.internal. https://192.0.2.1 https://198.18.0.1 https://[2001:db8::1]";
    let not_https = "http://api.github.com http://8.8.8.8 HTTP://api.github.com:443 ftp://api.github.com file:///etc/passwd \
        ws://api.github.com javascript:alert(1) data:text/plain,x";
    let with_user =
        "https://me@api.github.com https://me:secret@api.github.com https://:secret@api.github.com https://api.github.com:x@10.1.2.3";
    let no_address = "api.github.com //api.github.com https:// https:/// https://api.github.com:99999 https://[::1 https://api.github.com/?q=1 \
        https://api.github.com/#x";
    let wrong =
        [private, special, not_https, with_user, no_address].into_iter().flat_map(str::split_whitespace).chain(["", " ", "https://a b"]);
    in_vain(&tenant, async {
        for base_url in wrong {
            let new =
                json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": "acme/web", "base_url": base_url});
            let answer = admin.post(&sources, new).await;
            assert_eq!(answer.status, 400, "{base_url}: {}", answer.text);
            assert!(!answer.text.contains("secret"), "{}", answer.text);
            invalid_at(answer, "base_url");
            invalid_at(admin.patch(&format!("/v1/sources/{source}"), json!({"base_url": base_url})).await, "base_url");
        }
    })
    .await;
}

/// S2.84: answers 400, without the credential.
async fn a_credential_fits_in_a_header(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let source = tenant.repository(&format!("acme/{}", fresh("header"))).await;
    let long = "canary".repeat(1_000);
    in_vain(&tenant, async {
        for token in ["", " ", "canary canary", " canary", "canary\n", "canary\r\nx-injected: 1", "canary\t", "canary\0", "canaryé", &long] {
            let new = json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": "acme/web", "credential": {"token": token}});
            for answer in [
                admin.post(&sources, new).await,
                admin.patch(&format!("/v1/sources/{source}"), json!({"credential": {"token": token}})).await,
            ] {
                assert!(!answer.text.contains("canary"), "{}", answer.text);
                invalid_at(answer, "credential.token");
            }
        }
    })
    .await;
}

/// S2.84: answers 400 for whatever would lead to another place of the provider.
async fn a_repository_is_an_owner_and_a_name(world: &World) {
    let tenant = world.tenant().await;
    let (admin, sources) = (tenant.admin(), format!("/v1/workspaces/{}/sources", tenant.slug));
    let source = tenant.repository(&format!("acme/{}", fresh("name"))).await;
    let wrong = [
        "",
        "/",
        "acme",
        "acme/",
        "/web",
        "acme/web/",
        "acme/web/issues",
        "acme//web",
        "../..",
        "acme/..",
        "./web",
        "acme/.",
        "acme/web?state=all",
        "acme/web#x",
        "acme/web%2f..",
        "acme\\web",
        "acme/we b",
        " acme/web",
        "acme/web\n",
        "acme/\0",
        "acme/é",
        "https://github.com/acme/web",
        "acme/web;x",
        "acme@web/x",
        "acme/w:b",
    ];
    in_vain(&tenant, async {
        for repository in wrong {
            let new = json!({"id": fresh("repo"), "kind": "repository", "provider": "github", "repository": repository});
            invalid_at(admin.post(&sources, new).await, "repository");
            invalid_at(admin.patch(&format!("/v1/sources/{source}"), json!({"repository": repository})).await, "repository");
        }
    })
    .await;
}
