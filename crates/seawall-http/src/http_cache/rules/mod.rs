//! RFC 9111 as functions of values: what may be stored, how fresh it is, when it may be used again and how it is
//! validated. Time is an argument.

mod directives;
mod freshness;
mod reuse;
mod storable;
mod validation;
mod variant;

pub(super) use directives::{RequestDirectives, ResponseDirectives};
pub(super) use freshness::{Exchange, Freshness};
pub(super) use reuse::{Reuse, may_be_used, may_stand_in_for_an_error};
pub(super) use storable::{asks_the_cache, may_be_stored};
pub(super) use validation::{
    add_conditions, answers_validation_of, detached, has_validator, merge, satisfies_the_clients_condition,
};
pub(super) use variant::{VariantId, VariantKey, nominated};
