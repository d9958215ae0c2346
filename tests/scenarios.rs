//! What Pullcord promises, told over HTTP: written once, run in both worlds.

use std::pin::Pin;

use crate::world::World;

pub mod documents;
pub mod forges;
pub mod hooks;
pub mod indexes;
pub mod input;
pub mod integrations;
pub mod issues;
pub mod items;
mod operations;
pub mod people;
pub mod quota;
pub mod repositories;
pub mod runs;
pub mod schedules;
pub mod telling;
pub mod workspaces;

/// A scenario: a story that a world has to live up to.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    pub play: for<'w> fn(&'w World) -> Pin<Box<dyn Future<Output = ()> + Send + 'w>>,
}

/// Lists the scenarios of a module by the names of their functions.
#[macro_export]
macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        /// Every scenario of this module.
        pub const SCENARIOS: &[$crate::scenarios::Scenario] = &[$($crate::scenarios::Scenario {
            name: concat!(module_path!(), "::", stringify!($name)),
            play: |world| Box::pin($name(world)),
        }),*];
    };
}

/// Every scenario there is.
pub fn all() -> impl Iterator<Item = Scenario> {
    let themes = [
        documents::SCENARIOS,
        documents::deleting::SCENARIOS,
        documents::ending::SCENARIOS,
        documents::held::SCENARIOS,
        documents::listing::SCENARIOS,
        documents::triggering::SCENARIOS,
        forges::alerts::SCENARIOS,
        forges::hiccups::SCENARIOS,
        forges::limits::SCENARIOS,
        forges::mistakes::SCENARIOS,
        forges::moves::SCENARIOS,
        forges::refusals::SCENARIOS,
        forges::removing::SCENARIOS,
        forges::removing_doubts::SCENARIOS,
        forges::streams::SCENARIOS,
        forges::taking::SCENARIOS,
        hooks::activity::SCENARIOS,
        hooks::bursts::SCENARIOS,
        hooks::refusals::SCENARIOS,
        hooks::secrets::SCENARIOS,
        hooks::taking::SCENARIOS,
        indexes::branches::SCENARIOS,
        indexes::cancelling::SCENARIOS,
        indexes::changing::SCENARIOS,
        indexes::deleting::SCENARIOS,
        indexes::failing::SCENARIOS,
        indexes::ignoring::SCENARIOS,
        indexes::native::SCENARIOS,
        indexes::odd_files::SCENARIOS,
        indexes::options::SCENARIOS,
        indexes::progress::SCENARIOS,
        indexes::refusals::SCENARIOS,
        indexes::searching::SCENARIOS,
        indexes::secrets::SCENARIOS,
        indexes::triggering::SCENARIOS,
        input::addresses::SCENARIOS,
        input::bodies::SCENARIOS,
        input::sources::SCENARIOS,
        input::values::SCENARIOS,
        integrations::limits::SCENARIOS,
        integrations::links::SCENARIOS,
        integrations::looking::SCENARIOS,
        integrations::mistakes::SCENARIOS,
        integrations::refusals::SCENARIOS,
        integrations::refusing::SCENARIOS,
        integrations::run_log::SCENARIOS,
        integrations::taking::SCENARIOS,
        integrations::triggering::SCENARIOS,
        issues::backfill::SCENARIOS,
        issues::items::SCENARIOS,
        issues::limits::SCENARIOS,
        issues::pages::SCENARIOS,
        issues::refusals::SCENARIOS,
        issues::taking::SCENARIOS,
        items::linking::SCENARIOS,
        items::listing::SCENARIOS,
        items::making::SCENARIOS,
        items::matching::SCENARIOS,
        people::operators::SCENARIOS,
        people::record::SCENARIOS,
        people::roles::SCENARIOS,
        people::secrets::SCENARIOS,
        people::settings::SCENARIOS,
        people::strangers::SCENARIOS,
        people::tokens::SCENARIOS,
        quota::apps::SCENARIOS,
        quota::credentials::SCENARIOS,
        quota::sharing::SCENARIOS,
        quota::waiting::SCENARIOS,
        repositories::confirming::SCENARIOS,
        repositories::operations::SCENARIOS,
        repositories::syncing::SCENARIOS,
        runs::SCENARIOS,
        runs::cancelling::SCENARIOS,
        runs::conflicts::SCENARIOS,
        runs::cooldowns::SCENARIOS,
        runs::doors::SCENARIOS,
        runs::explaining::SCENARIOS,
        runs::following::SCENARIOS,
        runs::keys::SCENARIOS,
        runs::parking::SCENARIOS,
        runs::reading::SCENARIOS,
        runs::recording::SCENARIOS,
        runs::slots::SCENARIOS,
        runs::triggers::SCENARIOS,
        schedules::beginning::SCENARIOS,
        schedules::setting::SCENARIOS,
        schedules::windows::SCENARIOS,
        telling::addresses::SCENARIOS,
        telling::secrets::SCENARIOS,
        telling::steps::SCENARIOS,
        telling::trying::SCENARIOS,
        workspaces::children::SCENARIOS,
        workspaces::cooldowns::SCENARIOS,
        workspaces::quota::SCENARIOS,
        workspaces::resetting::SCENARIOS,
        workspaces::triggering::SCENARIOS,
    ];
    themes.into_iter().flatten().copied()
}
