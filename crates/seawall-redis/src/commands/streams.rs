use std::future::Future;

use redis::ToRedisArgs;
use seawall_core::Error;

use super::once;
use crate::Redis;

impl Redis {
    /// Adds an entry to a stream, given as a map or as a list of pairs, and returns its id. With `max_len` the stream is
    /// cut to about so many entries. Not repeated once it may have been executed.
    ///
    /// Entries are read with a [`Consumer`](crate::Consumer).
    pub fn xadd(
        &self,
        key: impl ToRedisArgs,
        max_len: Option<u64>,
        fields: impl ToRedisArgs,
    ) -> impl Future<Output = Result<String, Error>> + Send {
        let request = once("XADD", |command| {
            command.arg(key);
            if let Some(max_len) = max_len {
                command.arg("MAXLEN").arg("~").arg(max_len);
            }
            command.arg("*").arg(fields);
        });
        self.ask(request)
    }
}
