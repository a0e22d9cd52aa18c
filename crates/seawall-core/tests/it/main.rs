//! Laws of the vocabulary and the policies.

mod budget_laws;
mod circuit_breaker;
mod circuit_breaker_laws;
mod configs;
mod context;
mod half_open;
mod jitter;
mod retry_budget;
