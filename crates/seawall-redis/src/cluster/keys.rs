//! Which keys decide where a command belongs. Tests compare it with what a server says.

use redis::{Arg, Cmd};

use super::slot::slot_of;

/// Where a command belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// Where this slot is.
    Slot(u16),
    /// Anywhere: it has no key, and any server does it for all.
    Any,
    /// It has no key, and each server would speak of itself.
    None,
    /// Nowhere as a whole: of its keys two are of these slots.
    Across([u16; 2]),
}

impl Home {
    /// Of something with these keys.
    pub(super) fn of_all<'a>(keys: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut slots = keys.map(slot_of);
        let Some(first) = slots.next() else { return Self::Any };
        slots.find(|slot| *slot != first).map_or(Self::Slot(first), |other| Self::Across([first, other]))
    }
}

/// Where a command belongs, by its name as the table of commands has it.
pub(super) fn home_of(name: &str, command: &Cmd) -> Home {
    match name {
        // Without a key, and any server does them for all.
        "COMMAND" | "ECHO" | "LOLWUT" | "PING" | "PUBLISH" | "TIME" => return Home::Any,
        // Without a key, and a server does them for itself.
        "ACL" | "BGREWRITEAOF" | "BGSAVE" | "CLIENT" | "CLUSTER" | "CONFIG" | "DBSIZE" | "DEBUG"
        | "FAILOVER" | "FLUSHALL" | "FLUSHDB" | "FUNCTION" | "INFO" | "KEYS" | "LASTSAVE" | "LATENCY"
        | "MODULE" | "PFSELFTEST" | "PUBSUB" | "RANDOMKEY" | "REPLICAOF" | "ROLE" | "SAVE" | "SCAN"
        | "SCRIPT" | "SHUTDOWN" | "SLAVEOF" | "SLOWLOG" | "SWAPDB" => return Home::None,
        _ => {}
    }
    let places = Places::of(name, command);
    let arguments = command.args_iter().enumerate();
    let keys = arguments.filter(|(number, _)| places.contains(*number)).filter_map(|(_, key)| simple(key));
    Home::of_all(keys)
}

/// Which arguments are keys, counted from the name on.
#[derive(Clone, Copy)]
struct Places {
    from: usize,
    until: usize,
    /// Each is so many further than the one before.
    step: usize,
    /// One that stands before them.
    also: Option<usize>,
}

impl Places {
    fn of(name: &str, command: &Cmd) -> Self {
        let argument = |number: usize| command.args_iter().nth(number).and_then(simple);
        let all = || command.args_iter().count();
        // An argument says how many follow.
        let counted = |count: usize| {
            let said = argument(count).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
            // What cannot be read the server refuses, wherever it is.
            let following: usize = said.unwrap_or(1);
            Self::range(count + 1, (count + 1).saturating_add(following))
        };
        match name {
            "DEL" | "EXISTS" | "MGET" | "PFCOUNT" | "PFMERGE" | "SDIFF" | "SDIFFSTORE" | "SINTER"
            | "SINTERSTORE" | "SUNION" | "SUNIONSTORE" | "TOUCH" | "UNLINK" => Self::range(1, all()),
            "MSET" | "MSETNX" => Self { step: 2, ..Self::range(1, all()) },
            "BLPOP" | "BRPOP" | "BZPOPMAX" | "BZPOPMIN" => Self::range(1, all().saturating_sub(1)),
            "BLMOVE" | "BRPOPLPUSH" | "COPY" | "GEOSEARCHSTORE" | "LCS" | "LMOVE" | "RENAME" | "RENAMENX"
            | "RPOPLPUSH" | "SMOVE" | "ZRANGESTORE" => Self::range(1, 3),
            "BITOP" => Self::range(2, all()),
            "MIGRATE" => Self::range(3, 4),
            "MEMORY" | "OBJECT" | "PFDEBUG" | "XGROUP" | "XINFO" => Self::range(2, 3),
            "LMPOP" | "SINTERCARD" | "ZDIFF" | "ZINTER" | "ZINTERCARD" | "ZMPOP" | "ZUNION" => counted(1),
            "BLMPOP" | "BZMPOP" | "EVAL" | "EVALSHA" | "EVALSHA_RO" | "EVAL_RO" | "FCALL" | "FCALL_RO" => {
                counted(2)
            }
            "ZDIFFSTORE" | "ZINTERSTORE" | "ZUNIONSTORE" => Self { also: Some(1), ..counted(2) },
            "XREAD" | "XREADGROUP" => {
                let is_word = |argument| {
                    simple(argument).is_some_and(|word: &[u8]| word.eq_ignore_ascii_case(b"STREAMS"))
                };
                let word = command.args_iter().position(is_word).unwrap_or_else(all);
                // As many ids follow as keys.
                let keys = all().saturating_sub(word + 1).div_ceil(2);
                Self::range(word + 1, word + 1 + keys)
            }
            _ => Self::range(1, 2),
        }
    }

    const fn range(from: usize, until: usize) -> Self {
        Self { from, until, step: 1, also: None }
    }

    fn contains(self, number: usize) -> bool {
        let Self { from, until, step, also } = self;
        (from..until).contains(&number) && (number - from).is_multiple_of(step) || also == Some(number)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as the iterator over arguments hands them over")]
fn simple(argument: Arg<&[u8]>) -> Option<&[u8]> {
    match argument {
        Arg::Simple(bytes) => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use redis::{Connection, Value};
    use seawall_testkit::servers::redis_url;

    use super::*;
    use crate::nature::Nature;

    fn server() -> Connection {
        redis::Client::open(redis_url().unwrap()).unwrap().get_connection().unwrap()
    }

    fn command(words: &[&str]) -> Cmd {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command
    }

    fn home(words: &[&str]) -> Home {
        let command = command(words);
        home_of(Nature::of(&command).name, &command)
    }

    #[test]
    fn the_key_of_a_command_is_where_a_server_says_that_it_is() {
        // Of one slot, whichever of them are keys.
        let arguments = ["{t}1", "{t}2", "{t}3", "{t}4", "{t}5"];
        let mut checked = 0;
        for entry in redis::cmd("COMMAND").query::<Vec<Vec<Value>>>(&mut server()).unwrap() {
            let Value::BulkString(name) = &entry[0] else { panic!("{entry:?}") };
            let name = String::from_utf8(name.to_ascii_uppercase()).unwrap();
            let flags = format!("{:?}", entry[2]);
            let Value::Int(first) = entry[3] else { panic!("{entry:?}") };
            let is_simple = matches!(&entry[9], Value::Array(parts) if parts.is_empty());
            if flags.contains("movablekeys") && first == 0 || !is_simple || name.starts_with("RESTORE-") {
                continue;
            }
            let is_known = Nature::of(&redis::cmd(&name)).name != "_OTHER";
            let is_of_session =
                ["SUBSCRIBE", "AUTH", "HELLO", "SYNC", "REPLCONF", "SELECT", "WAIT", "MULTI", "EXEC"];
            let is_of_session = is_of_session.iter().any(|word| name.contains(word))
                || ["ASKING", "DISCARD", "MONITOR", "QUIT", "READONLY", "READWRITE", "RESET", "UNWATCH"]
                    .contains(&&*name);
            if !is_known || is_of_session {
                continue;
            }
            let words: Vec<&str> = std::iter::once(&*name).chain(arguments).collect();
            let found = home(&words);
            match usize::try_from(first).unwrap() {
                0 => assert!(matches!(found, Home::Any | Home::None), "{name}: {found:?}"),
                _ => assert_eq!(found, Home::Slot(slot_of(b"t")), "{name}"),
            }
            checked += 1;
        }
        assert!(checked > 150, "{checked}");
    }

    #[test]
    fn the_keys_of_a_command_are_those_that_a_server_finds() {
        let mut server = server();
        for words in [
            "MGET k1 k2 k3",
            "DEL k1 k2 k3",
            "UNLINK k1 k2",
            "EXISTS k1 k2",
            "TOUCH k1 k2",
            "MSET k1 x k2 y",
            "MSETNX k1 x k2 y",
            "PFCOUNT k1 k2",
            "PFMERGE k1 k2 k3",
            "SDIFF k1 k2",
            "SINTER k1 k2",
            "SUNION k1 k2",
            "SDIFFSTORE k1 k2 k3",
            "SINTERSTORE k1 k2 k3",
            "SUNIONSTORE k1 k2 k3",
            "BLPOP k1 k2 0",
            "BRPOP k1 k2 0",
            "BZPOPMAX k1 k2 0",
            "BZPOPMIN k1 k2 0",
            "BLMOVE k1 k2 LEFT LEFT 0",
            "BRPOPLPUSH k1 k2 0",
            "COPY k1 k2 REPLACE",
            "GEOSEARCHSTORE k1 k2 FROMMEMBER m BYRADIUS 1 m",
            "LCS k1 k2 LEN",
            "LMOVE k1 k2 LEFT LEFT",
            "RENAME k1 k2",
            "RENAMENX k1 k2",
            "RPOPLPUSH k1 k2",
            "SMOVE k1 k2 x",
            "ZRANGESTORE k1 k2 0 1",
            "ZUNIONSTORE k1 2 k2 k3 WEIGHTS 1 2",
            "ZINTERSTORE k1 2 k2 k3",
            "ZDIFFSTORE k1 1 k2",
            "EVAL code 2 k1 k2 x",
            "EVALSHA hash 1 k1 x",
            "FCALL name 1 k1 x",
            "ZUNION 2 k1 k2 WITHSCORES",
            "ZINTER 2 k1 k2",
            "ZDIFF 2 k1 k2",
            "ZINTERCARD 2 k1 k2 LIMIT 1",
            "SINTERCARD 2 k1 k2 LIMIT 1",
            "LMPOP 2 k1 k2 LEFT",
            "ZMPOP 2 k1 k2 MIN",
            "BLMPOP 0 2 k1 k2 LEFT",
            "BZMPOP 0 1 k1 MIN",
            "XREAD COUNT 1 STREAMS k1 k2 0 0",
            "XREADGROUP GROUP g c COUNT 1 STREAMS k1 >",
            "XGROUP CREATE k1 g 0",
            "XINFO STREAM k1",
            "OBJECT ENCODING k1",
            "MEMORY USAGE k1",
            "BITOP AND k1 k2 k3",
            "MIGRATE host 1 k1 0 10",
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let mut ask = redis::cmd("COMMAND");
            ask.arg("GETKEYS").arg(&words);
            let said: Vec<String> = ask.query(&mut server).unwrap();
            let command = command(&words);
            let places = Places::of(Nature::of(&command).name, &command);
            let found: Vec<&str> =
                (0..words.len()).filter(|n| places.contains(*n)).map(|n| words[n]).collect();
            assert_eq!(found, said, "{words:?}");
            let across = Home::Across([slot_of(b"k1"), slot_of(b"k2")]);
            assert_eq!(home(&words), if said.len() > 1 { across } else { Home::Slot(slot_of(b"k1")) });
        }
        // A channel is none to the server, but has a home.
        assert_eq!(home(&["SPUBLISH", "k1", "x"]), Home::Slot(slot_of(b"k1")));
        assert_eq!(home(&["EVAL", "code", "0", "x"]), Home::Any);
        assert_eq!(home(&["EVAL", "code", "99999999999999999999", "k1"]), Home::Slot(slot_of(b"k1")));
        assert_eq!(home(&["PUBLISH", "channel", "x"]), Home::Any);
        assert_eq!(home(&["FLUSHALL"]), Home::None);
    }
}
