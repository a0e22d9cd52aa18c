//! Which key decides where a command belongs. A test compares it with what a server says.

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
}

/// Where a command belongs, by its name as the table of commands has it.
pub(super) fn home_of(name: &str, command: &Cmd) -> Home {
    let argument = |number: usize| command.args_iter().nth(number).and_then(simple);
    let slot = |number: usize| argument(number).map_or(Home::Any, |key| Home::Slot(slot_of(key)));
    let counted = |count: usize| match argument(count) {
        // What belongs to no key, such as a script without any.
        None | Some(b"0") => Home::Any,
        Some(_) => slot(count + 1),
    };
    match name {
        "XREAD" | "XREADGROUP" => {
            let is_word = |word: &[u8]| word.eq_ignore_ascii_case(b"STREAMS");
            let mut arguments = command.args_iter().filter_map(simple);
            match arguments.find(|argument| is_word(argument)).and_then(|_| arguments.next()) {
                Some(key) => Home::Slot(slot_of(key)),
                None => Home::Any,
            }
        }
        // Without a key, and any server does them for all.
        "COMMAND" | "ECHO" | "LOLWUT" | "PING" | "PUBLISH" | "TIME" => Home::Any,
        // Without a key, and a server does them for itself.
        "ACL" | "BGREWRITEAOF" | "BGSAVE" | "CLIENT" | "CLUSTER" | "CONFIG" | "DBSIZE" | "DEBUG"
        | "FAILOVER" | "FLUSHALL" | "FLUSHDB" | "FUNCTION" | "INFO" | "KEYS" | "LASTSAVE" | "LATENCY"
        | "MODULE" | "PFSELFTEST" | "PUBSUB" | "RANDOMKEY" | "REPLICAOF" | "ROLE" | "SAVE" | "SCAN"
        | "SCRIPT" | "SHUTDOWN" | "SLAVEOF" | "SLOWLOG" | "SWAPDB" => Home::None,
        "MIGRATE" => slot(3),
        "BITOP" | "MEMORY" | "OBJECT" | "PFDEBUG" | "XGROUP" | "XINFO" => slot(2),
        // The first argument says how many keys follow, or the second.
        "LMPOP" | "SINTERCARD" | "ZDIFF" | "ZINTER" | "ZINTERCARD" | "ZMPOP" | "ZUNION" => counted(1),
        "BLMPOP" | "BZMPOP" | "EVAL" | "EVALSHA" | "EVALSHA_RO" | "EVAL_RO" | "FCALL" | "FCALL_RO" => {
            counted(2)
        }
        _ => slot(1),
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
        let arguments = ["a1", "a2", "a3", "a4", "a5"];
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
                first => assert_eq!(found, Home::Slot(slot_of(arguments[first - 1].as_bytes())), "{name}"),
            }
            checked += 1;
        }
        assert!(checked > 150, "{checked}");
    }

    #[test]
    fn a_key_that_other_arguments_lead_to_is_found() {
        let mut server = server();
        for words in [
            "EVAL code 2 k1 k2 x",
            "EVALSHA hash 1 k1",
            "FCALL name 1 k1",
            "ZUNION 2 k1 k2",
            "ZINTERCARD 2 k1 k2",
            "LMPOP 2 k1 k2 LEFT",
            "BLMPOP 0 2 k1 k2 LEFT",
            "BZMPOP 0 1 k1 MIN",
            "XREAD COUNT 1 STREAMS k1 0",
            "XREADGROUP GROUP g c COUNT 1 STREAMS k1 >",
            "XGROUP CREATE k1 g 0",
            "XINFO STREAM k1",
            "OBJECT ENCODING k1",
            "MEMORY USAGE k1",
            "BITOP AND k1 k2",
            "MIGRATE host 1 k1 0 10",
            "ZUNIONSTORE k1 1 k2",
            "SPUBLISH k1 x",
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let mut ask = redis::cmd("COMMAND");
            ask.arg("GETKEYS").arg(&words);
            // A channel is none to it.
            let keys: Vec<String> =
                if words[0] == "SPUBLISH" { vec!["k1".to_owned()] } else { ask.query(&mut server).unwrap() };
            assert_eq!(keys[0], "k1", "{words:?}");
            assert_eq!(home(&words), Home::Slot(slot_of(b"k1")), "{words:?}");
        }
        assert_eq!(home(&["EVAL", "code", "0", "x"]), Home::Any);
        assert_eq!(home(&["PUBLISH", "channel", "x"]), Home::Any);
        assert_eq!(home(&["FLUSHALL"]), Home::None);
    }
}
