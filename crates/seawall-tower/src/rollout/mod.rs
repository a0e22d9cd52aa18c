//! Tries a new stack out with a share of the calls, and takes it back by itself when it does worse than the old one.
//!
//! The stable and the canary stack are two services for the same requests (blue and green). A call goes to the canary
//! when its point, from 0 to 1, is below the weight. The point is taken by turns, or from a key of the request
//! ([`Rollout::sticky`]): the same user then always meets the same stack, in every process that uses the same name, and
//! raising the weight moves users only to the canary, never back.
//!
//! The rules are [`seawall_core::Rollout`]'s: both stacks' failures and slow calls are compared in one window. A call that
//! is dropped counts as timed out if its [`CallContext`](seawall_core::CallContext)'s deadline has passed, as slow if it
//! was under way for `slow_call_duration`, and otherwise for nothing.
//!
//! The state lives in a [`RolloutHandle`], through which operators set the weight. A canary that was given up stays so
//! until somebody calls [`begin_again`](RolloutHandle::begin_again).
//!
//! ```text
//! right: rollout → each stack with its own [ retry → circuit breaker → … ]    each is judged by what users see of it
//! wrong: retry → rollout                                                      a retry hides what the canary breaks
//! ```
//!
//! Readiness is asked for once the stack is chosen, inside of the call: a canary that is never ready holds up nobody
//! but its own share.
//!
//! ```
//! use seawall_core::{Error, RolloutConfig};
//! use seawall_tower::rollout::stable_hash;
//! use seawall_tower::{Identity, Rollout, RolloutHandle};
//! use tower::{ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let old = service_fn(|_user: &str| async { Ok::<_, Error>("old") });
//! let new = service_fn(|_user: &str| async { Ok::<_, Error>("new") });
//! let handle = RolloutHandle::new(Identity::new("search-v2"), &RolloutConfig::default())?;
//! let search = Rollout::new(handle.clone(), old, new).sticky(|user: &&str| stable_hash(user));
//! assert_eq!(search.clone().oneshot("ada").await?, "old");
//!
//! handle.set_weight(1.0)?;
//! assert_eq!(search.clone().oneshot("ada").await?, "new");
//! handle.roll_back();
//! assert_eq!(search.clone().oneshot("ada").await?, "old");
//! assert!(handle.set_weight(1.0).is_err(), "nobody brings it back unseen");
//! handle.begin_again(1.0)?;
//! assert_eq!(search.oneshot("ada").await?, "new");
//! # Ok(())
//! # }
//! ```

pub mod future;
mod handle;
mod point;
mod service;
mod trial;
mod way_in;

pub use handle::RolloutHandle;
pub use point::{ByTurns, Place, stable_hash};
pub use service::Rollout;

const STRATEGY: &str = "rollout";
