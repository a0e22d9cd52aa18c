//! The layers, over hostile, stock and ordinary services.

// Tells clippy that the functions between the tests are test code too.
#![cfg(test)]

mod balance;
mod black_hole;
mod caller_deadline;
mod chaos;
mod circuit_breaker;
mod coalesce;
mod coalesce_laws;
mod concurrency_limit;
mod concurrency_limit_laws;
mod configs;
mod contract;
mod differential;
mod dropped_calls;
mod fallback;
mod fast_path;
mod gate_model;
mod hedge;
mod hedge_laws;
mod hedge_tail;
mod live_knobs;
mod load_shed;
mod nested_retries;
mod pipeline;
mod rate_limit;
mod rate_limit_by_request;
mod rate_limit_lane;
mod recorder;
mod registry;
mod retry;
mod retry_budget;
mod retry_budget_laws;
mod retry_loans;
mod rollout;
mod shared_clock;
mod spares;
mod stability;
mod time_limits;
mod whole_stack;
mod with_axum;
mod with_tower_http;
