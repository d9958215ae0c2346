//! Webhooks: those who asked for it are told how a run goes.

use serde_json::{Value, json};

use super::issues::{self, Given};
use crate::receiver::Receiver;
use crate::world::{Tenant, World};

pub mod addresses;
pub mod secrets;
pub mod steps;
pub mod trying;

/// A repository of three issues, a receiver, and the secret by which it knows us.
struct Told<'w> {
    given: Given<'w>,
    receiver: Receiver,
    secret: String,
}

async fn told(world: &World) -> Told<'_> {
    let given = issues::given(world).await;
    given.old(world, 3);
    let secret = new_secret(&given.tenant).await;
    Told { given, receiver: Receiver::start().await, secret }
}

async fn new_secret(tenant: &Tenant<'_>) -> String {
    let made = tenant.admin().press(&format!("/v1/workspaces/{}/webhook-secret", tenant.slug)).await.is(201);
    made["secret"].as_str().unwrap().to_owned()
}

impl Told<'_> {
    /// A sync that tells the receiver; its run.
    async fn ask(&self, more: Value) -> String {
        let mut body = json!({"progress_webhook": self.receiver.hook()});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let run = self.given.admin.post(&self.given.trigger(), body).await.is(202);
        run["id"].as_str().unwrap().to_owned()
    }
}
