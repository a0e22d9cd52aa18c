//! Traces: everything that was recorded of a run. The same scenario, policy and seed make the same trace, byte for byte.

use std::io::{self, Write};

use seawall_core::Priority;
use serde::Serialize;

use crate::world::{CallRecord, End, Run, Second};

/// Writes a run as JSON, one object a line: the calls in the order they came, then what was seen each second.
///
/// # Errors
/// If it cannot be written.
pub fn write(out: &mut dyn Write, run: &Run) -> io::Result<()> {
    for call in &run.calls {
        writeln!(out, "{}", serde_json::to_string(&CallLine::new(call))?)?;
    }
    for (second, seen) in run.seconds.iter().enumerate() {
        writeln!(out, "{}", serde_json::to_string(&SecondLine::new(second, seen))?)?;
    }
    Ok(())
}

#[derive(Serialize)]
struct CallLine {
    arrived_seconds: f64,
    client: u32,
    priority: Priority,
    took_seconds: f64,
    attempts: u32,
    end: &'static str,
}

impl CallLine {
    fn new(call: &CallRecord) -> Self {
        Self {
            arrived_seconds: call.arrived.as_secs_f64(),
            client: call.client,
            priority: call.priority,
            took_seconds: call.took.as_secs_f64(),
            attempts: call.attempts,
            end: match call.end {
                End::Answered => "answered",
                End::Failed(kind) => kind.as_str(),
                End::Lost => "lost",
            },
        }
    }
}

#[derive(Serialize)]
struct SecondLine {
    second: usize,
    attempts: u64,
    from_clients: u64,
    refusals: u64,
    queued: usize,
    waiting: usize,
    limit: Option<f64>,
    open: usize,
    budget: Option<f64>,
    utilisation: f64,
    worked_seconds: f64,
    wasted_seconds: f64,
}

impl SecondLine {
    fn new(second: usize, seen: &Second) -> Self {
        Self {
            second,
            attempts: seen.attempts,
            from_clients: seen.from_clients,
            refusals: seen.refusals,
            queued: seen.queued,
            waiting: seen.waiting,
            limit: seen.limit,
            open: seen.open,
            budget: seen.budget,
            utilisation: seen.utilisation,
            worked_seconds: seen.worked.as_secs_f64(),
            wasted_seconds: seen.wasted.as_secs_f64(),
        }
    }
}
