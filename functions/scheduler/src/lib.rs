//! The clock function: a tick a minute.

use pullcord_core::{Fault, Plane, schedule, telemetry};
use serde_json::{Value, json};

/// Ticks, or only keeps the process warm if the event asks for that.
pub async fn handle(plane: &Plane, event: &Value) -> Result<Value, Fault> {
    telemetry::note_cold_start(&plane.config, "scheduler", plane.clock.now());
    if event.get("warm").and_then(Value::as_bool) == Some(true) {
        return Ok(json!({"warm": true}));
    }
    let ticked = schedule::tick(plane).await?;
    Ok(
        json!({"sent": ticked.sent, "ended": ticked.ended, "stalled": ticked.stalled, "begun": ticked.periods.begun, "skipped": ticked.periods.skipped}),
    )
}
