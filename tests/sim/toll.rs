//! How much of a token's quota is left when something is asked with it.

use std::sync::{Arc, Mutex};

use pullcord_forge::Forge;

/// Stands at the forge's door and sees what is asked with how much left.
#[derive(Clone)]
pub(super) struct Toll {
    pub(super) forge: Forge,
    pub(super) token: &'static str,
    pub(super) floor: u64,
    /// What was asked though too little was left, if anything was.
    pub(super) broken: Arc<Mutex<Option<String>>>,
}

/// Others may spend while a worker asks, and a stalled one asks long after it was
/// allowed to.
const UNAVOIDABLE: u64 = 8;

impl Toll {
    /// A request is about to reach the forge.
    pub(super) fn count(&self, path: &str) {
        let left = self.forge.quota(Some(self.token)).remaining;
        if path != "/rate_limit" && left + UNAVOIDABLE < self.floor {
            *self.broken.lock().unwrap() =
                Some(format!("{path} was asked for with {left} requests left, of which {} are kept", self.floor));
        }
    }
}
