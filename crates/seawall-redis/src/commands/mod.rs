//! The commands that most programs are made of, by name and with typed answers. All others go by
//! [`command`](crate::Redis::command).

mod hashes;
mod keys;
mod lists;
mod sets;
mod sorted_sets;
mod streams;
mod strings;

use redis::Cmd;
use seawall_core::Idempotency;

use crate::Request;
use crate::nature::{Lane, Nature};

pub use strings::SetOptions;
pub(crate) use strings::milliseconds;

/// Room for the name and the key of most commands, so that they are put together without growing.
const USUAL_SIZE: usize = 96;

/// A command that executed twice does the same as executed once.
fn repeatable(name: &'static str, arguments: impl FnOnce(&mut Cmd)) -> Request {
    request(name, Idempotency::Idempotent, arguments)
}

/// A command that must not be executed twice.
fn once(name: &'static str, arguments: impl FnOnce(&mut Cmd)) -> Request {
    request(name, Idempotency::NotIdempotent, arguments)
}

fn request(name: &'static str, idempotency: Idempotency, arguments: impl FnOnce(&mut Cmd)) -> Request {
    let mut command = Cmd::with_capacity(4, USUAL_SIZE);
    command.arg(name);
    arguments(&mut command);
    Request::known(command, Nature { name, lane: Lane::Shared, idempotency, at_primary: false })
}
