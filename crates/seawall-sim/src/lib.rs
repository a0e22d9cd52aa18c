//! Simulates what a service's clients do to it, and it to them, when something goes wrong.
//!
//! The clients' stacks are real: [`policy`] builds them out of Seawall's layers, tower's, or models of what other
//! libraries do by default. Everything around them is modelled ([`world`]): clients that call, servers with workers and
//! queues, and triggers that break them for a while. Time is tokio's, paused, so that a minute takes a second;
//! chance comes from a seed, so that a run can be repeated to the byte.
//!
//! A [`scenario::Scenario`] says what happens, a [`policy::Policy`] what the clients do about it, [`world::run`] plays
//! one against the other, [`measure`] says what came of it, [`runner`] does so with many
//! seeds, and [`report`] shows it.

pub mod chance;
pub mod measure;
pub mod policy;
pub mod properties;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod shell;
pub mod trade_off;
pub mod world;
