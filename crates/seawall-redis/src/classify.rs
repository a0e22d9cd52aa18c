use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind, Value};
use seawall_core::{
    ByKind, Classify, Error, Failure, FailureKind, Idempotency, InvalidConfig, Name, Outcome,
};
use seawall_tower::Replay;

use crate::keeper::Reason;
use crate::{Reply, Request};

/// What an error means to everybody who has to act on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) kind: FailureKind,
    pub(crate) may_have_executed: bool,
    /// Why the connection is of no more use, if it is not.
    pub(crate) replace: Option<Reason>,
    /// What to do, where the server's own words do not say.
    advice: &'static str,
}

const fn verdict(kind: FailureKind, may_have_executed: bool, replace: Option<Reason>) -> Verdict {
    Verdict { kind, may_have_executed, replace, advice: "" }
}

const fn advise(verdict: Verdict, advice: &'static str) -> Verdict {
    Verdict { advice, ..verdict }
}

const OVERLOADED: FailureKind = FailureKind::Overloaded { retry_after: None };
/// Not carried out; it may be in a moment.
const LATER: Verdict = verdict(FailureKind::Transient, false, None);
/// Not carried out because the server has too much, or too little, of something.
const TOO_MUCH: Verdict = verdict(OVERLOADED, false, None);
/// Not carried out, and never will be.
const WRONG: Verdict = verdict(FailureKind::Permanent, false, None);
/// Nobody knows what became of it.
const LOST: Verdict = verdict(FailureKind::Transient, true, Some(Reason::Dropped));

const NOT_TRUSTED: Verdict = advise(
    WRONG,
    "no TLS with the server: check `tls.roots`, the certificate's host name and whether the server asks for `tls.certificate`",
);

/// The codes that errors of the server begin with. Any other is a mistake in the command.
/// <https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors>
const CODES: &[(&str, Verdict)] = &[
    ("ASK", LATER),
    ("BUSY", advise(LATER, "a script keeps the server busy")),
    ("CLUSTERDOWN", LATER),
    (
        "CROSSSLOT",
        advise(
            WRONG,
            "the keys are of several slots: give them one tag, as in `{user:1}:name`, or send each by itself",
        ),
    ),
    (
        "EXECABORT",
        advise(WRONG, "the transaction was discarded because one of its commands could not be queued"),
    ),
    // Of `MIGRATE`: the other server may have the keys all the same.
    ("IOERR", verdict(FailureKind::Transient, true, None)),
    ("LOADING", LATER),
    ("MASTERDOWN", verdict(FailureKind::Transient, false, Some(Reason::MasterDown))),
    ("MISCONF", advise(TOO_MUCH, "the server cannot persist: look at its disk")),
    (
        "MOVED",
        advise(
            LATER,
            "the key is at another server of a cluster: let the URL begin with `redis-cluster`, and begin a session by \
             the keys it is for, with `session_for`",
        ),
    ),
    ("NOAUTH", advise(WRONG, "the server wants a password: put it into the URL")),
    ("NOREPLICAS", TOO_MUCH),
    ("OOM", advise(TOO_MUCH, "the server is at its limit of memory")),
    ("READONLY", verdict(FailureKind::Transient, false, Some(Reason::ReadOnly))),
    ("TRYAGAIN", LATER),
    // Of a blocked client whose server was demoted.
    ("UNBLOCKED", verdict(FailureKind::Transient, false, Some(Reason::ReadOnly))),
    ("WRONGPASS", advise(WRONG, "check the user and the password of the URL")),
];

/// Says what an error of the driver means.
pub(crate) fn judge(error: &RedisError) -> Verdict {
    if let Some(code) = error.code() {
        let detail = error.detail().unwrap_or_default();
        // Some proxies wrap it into an error of their own.
        let code = if code == "ERR" && detail.contains("READONLY") { "READONLY" } else { code };
        if code == "ERR" && detail.contains("max number of clients") {
            return advise(TOO_MUCH, "the server has as many clients as it takes");
        }
        return CODES.iter().find(|(known, _)| *known == code).map_or(WRONG, |(_, verdict)| *verdict);
    }
    match error.kind() {
        _ if error.is_timeout() => verdict(FailureKind::Timeout, true, None),
        ErrorKind::Io | ErrorKind::Parse | ErrorKind::ClusterConnectionNotFound => LOST,
        ErrorKind::AuthenticationFailed => advise(WRONG, "check the user and the password of the URL"),
        ErrorKind::RESP3NotSupported => advise(WRONG, "the server is old: set `protocol` to \"resp2\""),
        ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::NoValidReplicasFoundBySentinel => LATER,
        ErrorKind::Client | ErrorKind::InvalidClientConfig => WRONG,
        _ => verdict(FailureKind::Permanent, true, None),
    }
}

/// The same of a command that runs a script: part of it may have been carried out before the error, and nothing of that
/// is undone. Only what the server says before it runs one is taken to mean that it did not.
pub(crate) fn judge_script(error: &RedisError) -> Verdict {
    let verdict = judge(error);
    let may_have_executed = verdict.may_have_executed || !came_before_the_script(error);
    Verdict { may_have_executed, ..verdict }
}

/// The same of several commands, of which others may have been carried out, in a transaction or not. A transaction that was
/// discarded did nothing, for the reason for which its first command could not be queued; what fails while it is carried out
/// undoes nothing of the rest.
pub(crate) fn judge_transaction(error: &RedisError) -> Verdict {
    if error.kind() == ErrorKind::Server(ServerErrorKind::ExecAbort) {
        let errors = error.clone().into_server_errors();
        let first = errors.as_deref().and_then(|errors| errors.first());
        let verdict = first.map(|(_, first)| judge(&RedisError::from(first.clone())));
        // What cannot be queued for its own fault is said of the transaction.
        return verdict.filter(|verdict| *verdict != WRONG).unwrap_or_else(|| judge(error));
    }
    Verdict { may_have_executed: true, ..judge(error) }
}

fn came_before_the_script(error: &RedisError) -> bool {
    const CODES: [&str; 11] = [
        "ASK",
        "BUSY",
        "CLUSTERDOWN",
        "CROSSSLOT",
        "LOADING",
        "MASTERDOWN",
        "MOVED",
        "NOAUTH",
        "NOPERM",
        "NOSCRIPT",
        "TRYAGAIN",
    ];
    const WORDS: [&str; 5] = [
        "Error compiling script",
        "Function not found",
        "Number of keys",
        "unknown command",
        "wrong number of arguments",
    ];
    let (code, detail) = (error.code().unwrap_or_default(), error.detail().unwrap_or_default());
    match code {
        // A replica takes no writes for as long as the script runs, so whichever of its commands was refused, none has
        // changed anything. Old servers say it in the middle of a longer sentence.
        "READONLY" => true,
        "ERR" => detail.contains("READONLY") || WORDS.iter().any(|words| detail.starts_with(words)),
        // The server says where in the script an error was raised.
        code => CODES.contains(&code) && !detail.contains("@user_"),
    }
}

/// The driver's error as Seawall's.
pub(crate) fn error(name: impl Into<Name>, cause: RedisError) -> Error {
    judged_error(name, judge(&cause), cause)
}

/// The same of an error that was judged.
pub(crate) fn judged_error(name: impl Into<Name>, judged: Verdict, cause: RedisError) -> Error {
    let error = Error::new(judged.kind, LAYER, name);
    let error = if judged.may_have_executed { error } else { error.not_executed() };
    let error = if judged.advice.is_empty() { error } else { error.with_message(judged.advice) };
    error.with_source(cause)
}

/// The driver's error when a connection could not be made: nothing was executed.
pub(crate) fn connect_error(name: impl Into<Name>, cause: RedisError) -> Error {
    let judged = if is_tls(&cause) { NOT_TRUSTED } else { judge(&cause) };
    let words = if judged.advice.is_empty() { "no connection to the server" } else { judged.advice };
    Error::new(judged.kind, LAYER, name).not_executed().with_message(words).with_source(cause)
}

/// A broken certificate, or a server that speaks no TLS, stays what it is. rustls reports both in this way.
fn is_tls(cause: &RedisError) -> bool {
    type Internal = Arc<dyn std::error::Error + Send + Sync>;
    let internal = std::error::Error::source(cause).and_then(|source| source.downcast_ref::<Internal>());
    let io = internal.and_then(|internal| internal.downcast_ref::<io::Error>());
    io.is_some_and(|error| {
        error.kind() == io::ErrorKind::InvalidData
            && error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some()
    })
}

/// The URL or the configuration cannot be used. The message shows nothing of the URL, which may hold a password.
pub(crate) fn misconfigured(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(FailureKind::Permanent, LAYER, "configuration").not_executed().with_message(message)
}

/// The same for a configuration that makes no sense.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub(crate) fn invalid(invalid: InvalidConfig) -> Error {
    misconfigured(invalid.to_string())
}

/// Who failed, in errors.
pub(crate) const LAYER: &str = "redis";

/// The classifier of Redis calls: every layer reads their results through it.
///
/// An [`Error`] knows its kind, which comes from one table of the server's error codes. One thing is added: a call that
/// found no free connection, or no room to wait for one, is no fault of the server's, so it counts as
/// [`FailureKind::Refused`] here, though the error itself says [`FailureKind::Overloaded`].
///
/// A call is repeated after it may have been executed only if executing it twice does the same as executing it once: by
/// the table of commands, or because its caller said so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RedisClassifier;

impl Classify<Reply, Error> for RedisClassifier {
    fn classify(&self, result: Result<&Reply, &Error>) -> Outcome {
        match result {
            Err(error) if error.layer() == crate::dedicated::LAYER => {
                Outcome::Failure(Failure { kind: FailureKind::Refused, may_have_executed: false })
            }
            result => ByKind.classify(result),
        }
    }

    fn note_attempts(&self, error: &mut Error, attempts: u32, elapsed: Duration) {
        Classify::<Reply, Error>::note_attempts(&ByKind, error, attempts, elapsed);
    }

    fn note_may_have_executed(&self, error: &mut Error) {
        Classify::<Reply, Error>::note_may_have_executed(&ByKind, error);
    }
}

impl Replay<Request> for RedisClassifier {
    fn replay(&self, request: &Request) -> Option<Request> {
        Some(request.clone())
    }

    fn idempotency(&self, request: &Request) -> Idempotency {
        request.idempotency()
    }
}

/// The error that the server answered with, if it did.
pub(crate) fn refusal_in(value: Value) -> Result<Value, RedisError> {
    match value {
        Value::ServerError(error) => Err(error.into()),
        value => Ok(value),
    }
}

/// The code that the server's error began with, from a bounded list: a script may answer with any.
pub(crate) fn code_of(error: &Error) -> Option<&'static str> {
    const OTHERS: [&str; 7] = ["ERR", "NOGROUP", "NOPERM", "NOSCRIPT", "NOTBUSY", "BUSYGROUP", "WRONGTYPE"];
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<RedisError>() {
            let code = error.code()?;
            let known = CODES.iter().map(|(known, _)| *known).chain(OTHERS).find(|known| *known == code);
            return Some(known.unwrap_or("_OTHER"));
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_attempt_may_have_done_is_noted() {
        let mut error = Error::new(FailureKind::Transient, LAYER, "server").not_executed();
        Classify::<Reply, Error>::note_may_have_executed(&RedisClassifier, &mut error);
        assert!(error.may_have_executed());
    }
}
