//! What a command is like: which connection it may use, how long it may take, and whether it may be made again.
//!
//! A caller need not know that `BLPOP` would stall everybody else on a shared connection, or that `WATCH` would watch
//! for all of them: the table does.

mod table;

use std::time::Duration;

use redis::{Arg, Cmd, RedisError};
use seawall_core::Idempotency;

use crate::classify::{self, Verdict};
#[cfg(any(feature = "cluster", feature = "sentinel"))]
pub(crate) use table::is_read;

/// Where a command belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Any of the connections that all share.
    Shared,
    /// The same, with more time: it may work for long.
    Slow,
    /// A connection of its own, for so long; `None` is for ever.
    Blocking(Option<Duration>),
    /// Only a session: it changes the connection it is sent over, or asks about it.
    Session,
    /// Only a subscription.
    Subscription,
}

/// What is known of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nature {
    /// Its name as telemetry shows it, from a bounded list.
    pub(crate) name: &'static str,
    pub(crate) lane: Lane,
    pub(crate) idempotency: Idempotency,
    /// Whether no replica may answer it.
    pub(crate) at_primary: bool,
}

impl Nature {
    /// What an error of it means: one that runs a script may have done part of its work before.
    pub(crate) fn judge(self) -> fn(&RedisError) -> Verdict {
        match self.name {
            "EVAL" | "EVALSHA" | "FCALL" => classify::judge_script,
            "MULTI" | "PIPELINE" => classify::judge_transaction,
            _ => classify::judge,
        }
    }

    /// Looks a command up. One that nobody knows (a module's) is not made twice.
    pub(crate) fn of(command: &Cmd) -> Self {
        let mut arguments = command.args_iter();
        let Some(Arg::Simple(name)) = arguments.next() else {
            return table::UNKNOWN.nature("_OTHER");
        };
        let Some((name, class)) = table::find(name) else {
            return table::UNKNOWN.nature("_OTHER");
        };
        let nature = class.nature(name);
        match class {
            table::Class::ByArguments => by_arguments(nature, command),
            table::Class::BlocksByFirst => blocking(nature, arguments.next().as_ref().and_then(seconds)),
            table::Class::BlocksByLast => blocking(nature, arguments.last().as_ref().and_then(seconds)),
            _ => nature,
        }
    }
}

fn blocking(nature: Nature, time: Option<Duration>) -> Nature {
    // Zero is for ever. A time that cannot be read is the server's to complain about, at once.
    let time = time.unwrap_or(Duration::from_secs(1));
    Nature { lane: Lane::Blocking((!time.is_zero()).then_some(time)), ..nature }
}

/// Those whose options decide.
fn by_arguments(nature: Nature, command: &Cmd) -> Nature {
    let unless = |words: &[&str], from: usize| {
        let once =
            command.args_iter().skip(from).any(|argument| words.iter().any(|word| is_word(&argument, word)));
        let idempotency = if once { Idempotency::NotIdempotent } else { Idempotency::Idempotent };
        Nature { idempotency, ..nature }
    };
    match nature.name {
        // The answer of the second time would deny what the first has done.
        "SET" => unless(&["NX", "XX", "GET"], 3),
        "EXPIRE" | "PEXPIRE" | "EXPIREAT" | "PEXPIREAT" => unless(&["NX", "XX", "GT", "LT"], 3),
        "ZADD" => unless(&["INCR", "NX", "XX"], 2),
        "XREAD" | "XREADGROUP" => {
            let mut arguments = command.args_iter();
            if !arguments.any(|argument| is_word(&argument, "BLOCK")) {
                return nature;
            }
            let millis = arguments.next().as_ref().and_then(text).and_then(|text| text.parse().ok());
            blocking(nature, millis.map(Duration::from_millis))
        }
        // Those of its subcommands that change the connection.
        "CLIENT" => {
            const CHANGING: [&str; 7] =
                ["CACHING", "NO-EVICT", "NO-TOUCH", "REPLY", "SETINFO", "SETNAME", "TRACKING"];
            let changes = |argument| CHANGING.iter().any(|word| is_word(&argument, word));
            if command.args_iter().nth(1).is_some_and(changes) {
                Nature { lane: Lane::Session, ..nature }
            } else {
                nature
            }
        }
        _ => nature,
    }
}

fn is_word(argument: &Arg<&[u8]>, word: &str) -> bool {
    matches!(argument, Arg::Simple(bytes) if bytes.eq_ignore_ascii_case(word.as_bytes()))
}

fn text<'a>(argument: &Arg<&'a [u8]>) -> Option<&'a str> {
    let Arg::Simple(bytes) = argument else { return None };
    std::str::from_utf8(bytes).ok()
}

fn seconds(argument: &Arg<&[u8]>) -> Option<Duration> {
    Duration::try_from_secs_f64(text(argument)?.parse().ok()?).ok()
}
