//! How runs live: triggers, conflicts, cancellation, waiting, the audit.

use std::collections::{BTreeMap, BTreeSet};

use pullcord_forge::{Behaviour, Fault, Seed};

use crate::world::World;

crate::scenarios![of_a_hundred_triggers_one_is_accepted_here];

/// S4.16, S4.42, S0.24: of a hundred triggers at the same instant one is
/// accepted, and the others all name its run.
async fn of_a_hundred_triggers_one_is_accepted_here(world: &World) {
    of_a_hundred_triggers_one_is_accepted(world, 3).await;
}

/// The run must not end while the others still ask: its forge is silent until
/// all have been answered.
pub async fn of_a_hundred_triggers_one_is_accepted(world: &World, rounds: usize) {
    let tenant = world.tenant().await;
    let admin = tenant.admin();
    for round in 0..rounds {
        let name = format!("acme/{}", crate::world::fresh("race"));
        world.forge.repository(&name).seed(&Seed { closed_percent: 0, ..Seed::of(3) });
        let source = tenant.repository(&name).await;
        world.forge.script(Fault::on(&format!("/repos/{name}/issues"), Behaviour::Hang));
        let path = format!("/v1/sources/{source}/sync");
        let answers = futures::future::join_all((0..100).map(|_| admin.press(&path))).await;
        let (mut counts, mut named, mut accepted) = (BTreeMap::<u16, usize>::new(), BTreeSet::new(), BTreeSet::new());
        for answer in answers {
            *counts.entry(answer.status).or_default() += 1;
            if answer.status == 202 {
                accepted.insert(answer.is(202)["id"].as_str().unwrap().to_owned());
            } else {
                named.insert(answer.problem(409, "SYNC_IN_PROGRESS")["run_id"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!((counts.get(&202), counts.get(&409)), (Some(&1), Some(&99)), "round {round}: {counts:?}");
        assert_eq!(accepted, named, "round {round}");
        world.forge.release();
        assert_eq!(admin.ended(accepted.first().unwrap()).await["results"]["created"], 3);
    }
}
