//! The word lists of seeded issues, and the three kinds of sentence made from them.

/// What a seeded issue says.
pub(crate) struct Text {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) labels: Vec<String>,
}

/// Of ten numbers, five are bugs, three are wishes and two are upkeep. Within each kind the words are the digits of a
/// number in mixed radix, so that the same words do not come again until all have been used together.
pub(crate) fn compose(number: u64, salt: u64) -> Text {
    let (tens, digit) = (number / 10, number % 10);
    match digit {
        0..5 => bug(tens * 5 + digit, salt),
        5..8 => wish(tens * 3 + digit - 5, salt),
        _ => upkeep(tens * 2 + digit - 8, salt),
    }
}

fn bug(place: u64, salt: u64) -> Text {
    let [part, symptom, moment] = choose(place, salt, [PARTS, SYMPTOMS, MOMENTS]);
    Text {
        title: capital(&format!("{part} {symptom} {moment}")),
        body: format!("**What happens**\n\nThe {part} {symptom} {moment}.\n\n**What should happen**\n\nIt does not, or it says why."),
        labels: labels("bug", place, part),
    }
}

fn wish(place: u64, salt: u64) -> Text {
    let [deed, part, purpose] = choose(place, salt, [DEEDS, PARTS, PURPOSES]);
    Text {
        title: format!("{deed} the {part} {purpose}"),
        body: format!("{deed} the {part} {purpose}. Today people copy it by hand into a sheet, every week."),
        labels: labels("enhancement", place, part),
    }
}

fn upkeep(place: u64, salt: u64) -> Text {
    let [deed, thing, part] = choose(place, salt, [CHORES, THINGS, PARTS]);
    Text {
        title: format!("{deed} {thing} of the {part}"),
        body: format!("Left over from the last release: {} {thing} of the {part}.", deed.to_lowercase()),
        labels: labels("maintenance", place, part),
    }
}

/// The step is a prime that divides no product of the lists' lengths, so it visits every combination once.
fn choose<const N: usize>(place: u64, salt: u64, lists: [&[&'static str]; N]) -> [&'static str; N] {
    const STEP: u64 = 7_919;
    let all: u64 = lists.iter().map(|list| list.len() as u64).product();
    let mut rest = ((place % all) * STEP + salt % all) % all;
    lists.map(|list| {
        let digit = rest % list.len() as u64;
        rest /= list.len() as u64;
        list[digit as usize]
    })
}

fn labels(kind: &str, place: u64, part: &str) -> Vec<String> {
    let mut labels = vec![kind.to_owned()];
    if place.is_multiple_of(3) {
        labels.push(format!("area: {}", part.split(' ').next().unwrap_or(part)));
    }
    if place.is_multiple_of(8) {
        labels.push("priority: high".to_owned());
    }
    if place % 11 == 5 {
        labels.push("good first issue".to_owned());
    }
    labels
}

pub(crate) fn person(chance: u64) -> &'static str {
    PEOPLE[(chance % PEOPLE.len() as u64) as usize]
}

/// So many different people, neighbours in the list.
pub(crate) fn people(chance: u64, count: u64) -> Vec<String> {
    (0..count).map(|step| person(chance % PEOPLE.len() as u64 + step).to_owned()).collect()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

const PEOPLE: &[&str] = &[
    "amara-okafor",
    "benl",
    "chiara-conti",
    "dmitri-v",
    "elif-kaya",
    "fjorda",
    "gustavo-lima",
    "hana-sato",
    "iris-bakker",
    "jonas-weber",
    "kofi-mensah",
    "lena-holm",
    "mateo-rios",
    "nadia-haddad",
];

const PARTS: &[&str] = &[
    "invoice export",
    "audit log",
    "search index",
    "login form",
    "password reset",
    "billing page",
    "webhook delivery",
    "notification digest",
    "role editor",
    "team invitation",
    "file upload",
    "image preview",
    "CSV import",
    "calendar view",
    "time zone picker",
    "dashboard chart",
    "retry queue",
    "rate limiter",
    "session cookie",
    "two-factor prompt",
    "mobile menu",
    "dark theme",
    "comment editor",
    "mention popup",
    "markdown renderer",
    "release pipeline",
    "health check",
    "feature switch",
    "address form",
    "tax calculation",
    "currency rounding",
    "report builder",
    "saved filter",
    "bulk edit dialog",
    "keyboard navigation",
    "onboarding tour",
    "API token page",
    "sync status banner",
    "job scheduler",
    "attachment scanner",
];

const SYMPTOMS: &[&str] = &[
    "times out",
    "shows stale totals",
    "returns a 500",
    "loses the last row",
    "freezes the tab",
    "ignores the filter",
    "duplicates entries",
    "drops accents",
    "sends the message twice",
    "logs the user out",
    "never finishes",
    "leaks memory",
    "renders an empty page",
    "sorts in the wrong order",
    "forgets the chosen language",
    "reports success and does nothing",
    "truncates long names",
    "crashes on an empty list",
    "blocks the worker",
    "uses the wrong time zone",
    "shows someone else's avatar",
    "rejects valid input",
    "flickers",
    "counts twice",
    "cannot be cancelled",
    "breaks the layout",
    "falls back to English",
    "skips every second page",
    "answers before the write is done",
    "keeps the lock",
];

const MOMENTS: &[&str] = &[
    "after a token refresh",
    "on Safari 26",
    "on Firefox for Android",
    "with more than 1,000 members",
    "behind a proxy",
    "when the workspace is renamed",
    "for read-only members",
    "on the first of the month",
    "in the Dutch translation",
    "when two people save at once",
    "after an upgrade from 3.8",
    "with an empty description",
    "during a deploy",
    "when the clock changes",
    "on a slow connection",
    "with right-to-left text",
    "when the disk is full",
    "after the trial ends",
    "with a screen reader",
    "in a private window",
    "when the cache is cold",
    "for invited guests",
    "with emoji in the name",
    "when the API answers 304",
    "on narrow screens",
    "with more than one tab open",
    "when a label was deleted",
    "after a failed payment",
    "in the sandbox",
    "with IPv6 only",
    "when cookies are blocked",
    "for archived projects",
    "after midnight UTC",
    "when the queue is long",
    "on the staging cluster",
    "with custom domains",
    "after single sign-on",
    "when the list is filtered",
    "with large attachments",
    "for accounts made before 2024",
    "with an ad blocker",
    "when a webhook arrives twice",
];

const DEEDS: &[&str] = &[
    "Support bulk actions in",
    "Add keyboard shortcuts to",
    "Show progress in",
    "Allow comments in",
    "Remember the state of",
    "Add an undo to",
    "Offer a dry run in",
    "Let admins switch off",
    "Translate",
    "Explain errors in",
    "Add paging to",
    "Make it possible to pin",
    "Add an export to",
    "Send a summary from",
    "Link related items in",
    "Add a preview to",
    "Show who changed",
    "Add filters to",
    "Speed up",
    "Allow scheduling of",
    "Add a quota to",
    "Document",
    "Warn before leaving",
    "Add a compact mode to",
];

const PURPOSES: &[&str] = &[
    "for read-only members",
    "on small screens",
    "for large teams",
    "behind a feature switch",
    "without a reload",
    "for every locale",
    "per project",
    "per team",
    "through the API",
    "from the command line",
    "when offline",
    "for auditors",
    "in the weekly digest",
    "with a default for new workspaces",
    "for guests",
    "on first use",
    "with sensible limits",
    "for support staff",
    "in one click",
    "after each release",
    "before the deadline",
    "for archived projects",
    "with a link to the docs",
    "in both themes",
    "when data is stale",
    "for partners",
    "with history",
    "for multiple selections",
    "in the sidebar",
    "on the overview",
    "for contractors",
    "across regions",
];

const CHORES: &[&str] = &[
    "Remove",
    "Rewrite",
    "Split up",
    "Add tests for",
    "Document",
    "Upgrade",
    "Simplify",
    "Rename",
    "Deprecate",
    "Profile",
    "Move out",
    "Pin the version of",
    "Review",
    "Type-check",
    "Lint",
    "Delete unused parts of",
    "Benchmark",
    "Bring back",
    "Stop vendoring",
    "Trace",
];

const THINGS: &[&str] = &[
    "the retry code",
    "the old controller",
    "the fixtures",
    "the SQL",
    "the style sheet",
    "the error messages",
    "the background job",
    "the feature switch",
    "the cache keys",
    "the serializer",
    "the state machine",
    "the integration tests",
    "the changelog",
    "the metrics",
    "the alert rules",
    "the validation",
    "the mock server",
    "the client library",
    "the dependency list",
    "the build script",
    "the container image",
    "the translations",
    "the permissions check",
    "the pagination",
    "the date handling",
    "the log lines",
    "the configuration",
    "the public types",
    "the event names",
    "the clean-up task",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_words_for_its_share_of_a_hundred_thousand() {
        let combinations = |lists: [&[&str]; 3]| lists.iter().map(|list| list.len()).product::<usize>();
        for (all, share) in [
            (combinations([PARTS, SYMPTOMS, MOMENTS]), 50_000),
            (combinations([DEEDS, PARTS, PURPOSES]), 30_000),
            (combinations([CHORES, THINGS, PARTS]), 20_000),
        ] {
            assert!(all >= share && all % 7_919 != 0, "{all} for {share}");
        }
    }

    #[test]
    fn titles_read_like_sentences() {
        for number in 1..50 {
            let title = compose(number, 3).title;
            assert!(title.starts_with(char::is_uppercase) && title.contains(' ') && title.len() < 120, "{title}");
        }
    }
}
