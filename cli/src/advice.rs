//! What to do next: the command where there is one, and else the words of
//! docs/problems.md, which is built in.

use crate::failure::Refused;
use crate::text::quoted;

const PROBLEMS: &str = include_str!("../../docs/problems.md");

/// What the documentation says to do about a code.
pub fn documented(code: &str) -> Option<String> {
    let rows = PROBLEMS.lines().filter(|line| line.starts_with("| `"));
    let mut cells = rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>());
    let is_of = |cell: Option<&&str>| cell.is_some_and(|cell| cell.trim_matches('`') == code);
    let row = cells.find(|row| if row.len() == 3 { is_of(row.first()) } else { is_of(row.get(1)) })?;
    row.last().map(|text| text.replace('`', ""))
}

/// What to do about a reply that is a no.
pub fn of_refusal(refused: &Refused) -> Option<String> {
    match refused.code() {
        "UNAUTHENTICATED" if !refused.with_token => Some("sign in with: pullcord login (or set PULLCORD_TOKEN)".into()),
        "UNAUTHENTICATED" => Some("sign in again with: pullcord login (pullcord doctor says which token was sent)".into()),
        "FORBIDDEN" => Some("ask an admin of the workspace; pullcord doctor shows your roles".into()),
        "NOT_FOUND" => Some("check the name (pullcord source list, pullcord runs) and who you are (pullcord doctor)".into()),
        "SYNC_IN_PROGRESS" => refused.field("run_id").map(|run| format!("follow what runs with: pullcord watch {run}; then try again")),
        "COOLDOWN_ACTIVE" | "RATE_LIMIT_LOW" => {
            let until = refused.field("next_allowed_at").map(|until| format!("wait until {until}, or ")).unwrap_or_default();
            Some(format!("{until}let it run by itself as soon as it may: pullcord sync SOURCE --park"))
        }
        "INTERNAL" => Some("quote the request to an operator".into()),
        // The sentence names the field; what is to be done is to correct it.
        "VALIDATION_FAILED" | "CONFLICT" => None,
        code => documented(code),
    }
}

/// What to do about a run's error or warning: a command of ours, if one helps.
pub fn of_trouble(code: &str, source: Option<&str>, run: &str) -> Option<String> {
    let of = source.map(quoted);
    let on_source = |command: &str| of.as_ref().map(|source| format!("pullcord {command} {source}"));
    let then = |first: Option<String>| first.map(|first| format!("{first}, then pullcord retry {run}"));
    let command = match code {
        "CREDENTIAL_REJECTED" | "CREDENTIAL_UNREADABLE" => {
            then(of.as_ref().map(|source| format!("give it another with: pullcord source set {source} --credential")))
        }
        "CHILDREN_FAILED" | "CHILD_FAILED" => Some(format!("once its reason is gone: pullcord retry {run} takes only what failed")),
        "DELETIONS_HELD" => on_source("held")
            .zip(of.as_ref())
            .map(|(held, source)| format!("look with {held}; decide with pullcord held {source} approve or discard")),
        _ => None,
    };
    command.or_else(|| documented(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_is_found_by_code() {
        assert_eq!(documented("CREDENTIAL_REJECTED").as_deref(), Some("Give the source a new one."));
        assert!(documented("COOLDOWN_ACTIVE").is_some_and(|next| next.starts_with("Wait for Retry-After")));
        assert_eq!(documented("NO_SUCH_CODE"), None);
    }
}
