//! Laws of the vocabulary and the policies.

// Tells clippy that the functions between the tests are test code too.
#![cfg(test)]

mod budget_laws;
mod chaos;
mod circuit_breaker;
mod circuit_breaker_laws;
mod configs;
mod context;
mod error;
mod ewma;
mod flapping;
mod half_open;
mod hedge;
mod jitter;
mod limit;
mod limit_config;
mod limit_laws;
mod limit_world;
mod moving_quantile;
mod outlier;
mod pins;
mod rate_limiter;
mod rate_limiter_laws;
mod retry_budget;
mod retry_loan_laws;
mod rollout;
mod shared_budget_laws;
mod shared_budget_model;
mod wait_queue;
mod wait_queue_laws;
