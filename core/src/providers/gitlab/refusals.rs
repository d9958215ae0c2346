//! What GitLab means by a status, where it differs from other forges.

use serde_json::Value;

use super::graph;
use crate::providers::verdict::{judge as judge_as_usual, message_of};
use crate::providers::{Reply, Verdict};

/// Limits come as 429 and never as 403, however little is left. A 404 of the router
/// means that there is no such list on this server; one of the application, that
/// there is no such project.
pub(super) fn judge(reply: &Reply) -> Verdict {
    match reply.status {
        200..=299 => graph::refusal(reply).unwrap_or(Verdict::Readable),
        403 => forbidden(reply),
        404 => match judge_as_usual(reply) {
            Verdict::Missing(why) if body_of(reply)["error"] == "404 Not Found" => {
                Verdict::Unavailable(format!("{why} (this GitLab has no such list)"))
            }
            verdict => verdict,
        },
        _ => judge_as_usual(reply),
    }
}

/// A 403 without a reason is what is switched off, not in the plan, and not for
/// everyone's role, and GitLab does not say which. None of it is the token's fault.
fn forbidden(reply: &Reply) -> Verdict {
    let (body, why) = (body_of(reply), message_of(reply));
    if let Some(scopes) = body["scope"].as_str().filter(|_| body["error"] == "insufficient_scope") {
        return Verdict::Denied(format!("{why} (needs one of the scopes {})", scopes.replace(' ', ", ")));
    }
    if why == "403 Forbidden" && body.is_object() {
        let why = format!("{why} (switched off, part of another plan, or not for the role of this credential)");
        return Verdict::Unavailable(why);
    }
    Verdict::Denied(why)
}

fn body_of(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_default()
}
