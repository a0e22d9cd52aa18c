//! Asks a server which server has which slot.

use std::time::Duration;

use redis::aio::SendError;
use redis::{PushInfo, Value};
use seawall_core::{Error, FailureKind};
use tokio::time::timeout;

use super::map::{Address, Range};
use super::slot::SLOTS;
use crate::classify::{self, LAYER};
use crate::dial::Dialer;

/// A server that does not answer is not waited for longer than this, because the next one may.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn ask(dialer: &Dialer) -> Result<Vec<Range>, Error> {
    let question = async {
        let (mut opened, _) = dialer.connect(None::<fn(PushInfo) -> Result<(), SendError>>).await?;
        let mut slots = redis::cmd("CLUSTER");
        slots.arg("SLOTS");
        slots.query_async::<Value>(&mut opened.connection).await.map_err(|cause| match cause.code() {
            Some("ERR") => Error::new(FailureKind::Permanent, LAYER, dialer.name())
                .not_executed()
                .with_message("the server is of no cluster: let the URL begin with `redis` or `rediss`")
                .with_source(cause),
            _ => classify::connect_error(dialer.name(), cause),
        })
    };
    let failed = |kind, why| Error::new(kind, LAYER, dialer.name()).not_executed().with_message(why);
    let Ok(answer) = timeout(PATIENCE, question).await else {
        return Err(failed(FailureKind::Timeout, "the server did not say in time who has which slot"));
    };
    match ranges(answer?, &dialer.place().0) {
        Some(ranges) if !ranges.is_empty() => Ok(ranges),
        _ => Err(failed(FailureKind::Transient, "the server does not know who has which slot, or not yet")),
    }
}

/// Of each range the first slot, the last, the server that takes writes, and its replicas.
fn ranges(answer: Value, asked: &str) -> Option<Vec<Range>> {
    let Value::Array(ranges) = answer else { return None };
    let read = |range: Value| {
        let Value::Array(range) = range else { return None };
        let (Some(Value::Int(first)), Some(Value::Int(last))) = (range.first(), range.get(1)) else {
            return None;
        };
        let slot = |number: i64| u16::try_from(number).ok().filter(|slot| *slot < SLOTS);
        let mut servers = range.get(2..)?.iter().map(|server| address(server, asked));
        Some(Range {
            first: slot(*first)?,
            last: slot(*last)?,
            owner: servers.next()??,
            replicas: servers.collect::<Option<_>>()?,
        })
    };
    ranges.into_iter().map(read).collect()
}

/// Host, port, and what does not matter here.
fn address(server: &Value, asked: &str) -> Option<Address> {
    let Value::Array(server) = server else { return None };
    let host = match server.first()? {
        Value::BulkString(host) if !host.is_empty() && host != b"?" => {
            String::from_utf8(host.clone()).ok()?
        }
        // It does not know what it is called by others.
        _ => asked.to_owned(),
    };
    let Value::Int(port) = server.get(1)? else { return None };
    Some(Address { host, port: u16::try_from(*port).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64, host: &[u8]) -> Value {
        let server = Value::Array(vec![Value::BulkString(host.to_vec()), Value::Int(7000)]);
        Value::Array(vec![Value::Int(first), Value::Int(last), server])
    }

    #[test]
    fn a_server_that_does_not_know_its_name_is_where_it_was_asked() {
        let read = ranges(Value::Array(vec![range(0, 5, b""), range(6, 16383, b"b")]), "a").unwrap();
        let hosts: Vec<&str> = read.iter().map(|range| &*range.owner.host).collect();
        assert_eq!(hosts, ["a", "b"]);
    }

    #[test]
    fn slots_that_there_are_not_are_no_answer() {
        assert!(ranges(Value::Array(vec![range(0, 16384, b"b")]), "a").is_none());
        assert!(ranges(Value::Nil, "a").is_none());
    }
}
