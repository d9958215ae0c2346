//! Alerts: how bad they are, and what becomes of them.

use pullcord_forge::{AlertState, VulnerabilityState};
use serde_json::{Value, from_value, json};

use super::{Alerts, GitHub, GitLab, Given, assert_done, given, now};
use crate::world::World;

crate::scenarios![
    an_alert_is_as_severe_as_its_forge_says,
    an_alert_that_was_dealt_with_is_closed_here,
    alerts_that_cannot_be_asked_for_by_change_are_all_looked_at,
];

/// S2.113: severity as the forge has it, and the priority that follows from it.
async fn an_alert_is_as_severe_as_its_forge_says(world: &World) {
    for provider in [GitHub, GitLab] {
        let given = given(world, provider, &[Alerts]).await;
        let made = ["critical", "high", "medium", "low"].map(|word| {
            let summary = format!("What it was sent is trusted, which is {word}");
            let severity = json!(word);
            let number = if provider == GitLab {
                given.repository.add_vulnerability(|found| {
                    found.severity = from_value(severity).unwrap();
                    found.title.clone_from(&summary);
                })
            } else {
                given.repository.add_alert(|alert| {
                    alert.severity = from_value(severity).unwrap();
                    alert.summary.clone_from(&summary);
                })
            };
            (number, word, summary)
        });

        assert_done(&given.sync(json!({})).await, 4, 0);

        let items = given.items(Alerts).await;
        for (number, word, summary) in made {
            let item = &items[&number];
            let said = ["type", "severity", "priority", "state"].map(|field| item[field].as_str().unwrap());
            assert_eq!(said, ["alert", word, word, "open"], "{provider:?}");
            assert!(format!("{}\n{}", item["title"], item["body"]).contains(&summary), "{item:#}");
            assert!(item["url"].as_str().is_some_and(|url| url.contains(&given.name)), "{item:#}");
        }
    }
}

/// Puts an alert into a state, in the words of its forge.
fn turn(given: &Given<'_>, number: u64, word: &str) {
    let is_there = if given.provider == GitLab {
        let state: VulnerabilityState = from_value(json!(word)).unwrap();
        given.repository.edit_vulnerability(number, |found| found.state = state)
    } else {
        let state: AlertState = from_value(json!(word)).unwrap();
        given.repository.edit_alert(number, |alert| alert.state = state)
    };
    assert!(is_there, "there is no alert {number}");
}

/// S2.4: fixed or dismissed there is closed here, and open again if it is open again
/// there. A new one appears; one that was dealt with before it was seen does not.
async fn an_alert_that_was_dealt_with_is_closed_here(world: &World) {
    let table = [(GitHub, ["fixed", "dismissed", "auto_dismissed"], "open"), (GitLab, ["resolved", "dismissed", "resolved"], "detected")];
    for (provider, ends, open) in table {
        let given = given(world, provider, &[Alerts]).await;
        let known = given.old(world, Alerts, 5);
        given.sync(json!({})).await;
        for (number, end) in known.iter().zip(ends) {
            turn(&given, *number, end);
        }
        let new = given.add(Alerts, now(world));
        given.close(Alerts, given.add(Alerts, now(world)));

        assert_done(&given.sync(json!({})).await, 1, 3);

        let states =
            async || given.items(Alerts).await.into_iter().map(|(number, item)| (number, item["state"].clone())).collect::<Vec<_>>();
        let expected = |closed: &[u64]| -> Vec<(u64, Value)> {
            let word = |number: &u64| json!(if closed.contains(number) { "closed" } else { "open" });
            known.iter().chain([&new]).map(|number| (*number, word(number))).collect()
        };
        assert_eq!(states().await, expected(&known[..3]), "{provider:?}");

        turn(&given, known[0], open);
        assert_done(&given.sync(json!({})).await, 0, 1);
        assert_eq!(states().await, expected(&known[1..3]), "{provider:?}");
    }
}

/// GitLab lists the worst first and says nothing of what changed: an increment
/// finds it all the same, wherever in the pages it is, and writes nothing else.
async fn alerts_that_cannot_be_asked_for_by_change_are_all_looked_at(world: &World) {
    let given = given(world, GitLab, &[Alerts]).await;
    let known = given.old(world, Alerts, 250);
    given.sync(json!({})).await;
    let before = given.items(Alerts).await;
    for number in [known[0], known[249]] {
        given.change(Alerts, number);
    }
    given.close(Alerts, known[125]);

    let run = given.sync(json!({})).await;

    assert_done(&run, 0, 3);
    let after = given.items(Alerts).await;
    let written: Vec<u64> = known.iter().copied().filter(|number| before[number] != after[number]).collect();
    assert_eq!(written, [known[0], known[125], known[249]]);
    assert_eq!([&after[&known[0]]["severity"], &after[&known[125]]["state"]], ["critical", "closed"]);
}
