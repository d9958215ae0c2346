//! Log lines and metrics.
//!
//! Log lines are JSON, one per decision. Metrics are lines too, in CloudWatch's
//! embedded format: they cost no call, and exist only where something reads them.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};
use tracing_subscriber::EnvFilter;

use crate::clock::Moment;
use crate::config::Config;

/// Crates whose finer logs show requests as they go over the wire, and with them
/// what must not be shown. No setting turns these on.
const QUIET: &[&str] = &["aws_config", "aws_runtime", "aws_smithy_runtime", "h2", "hyper", "hyper_util", "reqwest", "rustls"];

static COLD: AtomicBool = AtomicBool::new(true);

/// Starts logging to standard error as the configuration says. Calling it twice
/// does nothing.
pub fn start(config: &Config) {
    let mut filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    for quiet in QUIET {
        if let Ok(directive) = format!("{quiet}=info").parse() {
            filter = filter.add_directive(directive);
        }
    }
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_span_list(false);
    drop(lines.with_env_filter(filter).with_writer(std::io::stderr).try_init());
}

/// Notes the first invocation of a function's process.
pub fn note_cold_start(config: &Config, function: &'static str, now: Moment) {
    if COLD.swap(false, Ordering::SeqCst) {
        tracing::info!(decision = "cold_start", function, "a new process serves its first invocation");
        emit(config, now, &[("ColdStarts", 1.0, "Count")], &[("Function", function)]);
    }
}

/// Prints metrics with their dimensions, if they are wanted.
pub fn emit(config: &Config, now: Moment, metrics: &[(&str, f64, &str)], dimensions: &[(&str, &str)]) {
    if config.metrics {
        println!("{}", embedded(now, metrics, dimensions));
    }
}

fn embedded(now: Moment, metrics: &[(&str, f64, &str)], dimensions: &[(&str, &str)]) -> Value {
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let described: Vec<Value> = metrics.iter().map(|(name, _, unit)| json!({"Name": name, "Unit": unit})).collect();
    let mut line = Map::new();
    let sets = if names.is_empty() { json!([[]]) } else { json!([[], names]) };
    let directive = json!({"Namespace": "Pullcord", "Dimensions": sets, "Metrics": described});
    line.insert("_aws".into(), json!({"Timestamp": now.0, "CloudWatchMetrics": [directive]}));
    line.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    line.extend(metrics.iter().map(|(name, value, _)| ((*name).to_owned(), json!(value))));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_in_the_embedded_format() {
        let line = embedded(Moment(1_000), &[("RunsEnded", 1.0, "Count")], &[("Outcome", "failed")]);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Pullcord");
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "RunsEnded");
        assert_eq!((line["RunsEnded"].as_f64(), line["Outcome"].as_str()), (Some(1.0), Some("failed")));
    }
}
