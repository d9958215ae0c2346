//! What Pullcord promises, told over HTTP: written once, run in both worlds.

use std::pin::Pin;

use crate::world::World;

pub mod documents;
pub mod input;
pub mod issues;
pub mod people;
pub mod runs;

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
    [documents::SCENARIOS, input::SCENARIOS, issues::SCENARIOS, people::SCENARIOS, runs::SCENARIOS].into_iter().flatten().copied()
}
