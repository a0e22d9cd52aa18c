use std::time::Duration;

use redis::{FromRedisValue, ToRedisArgs, Value};
use seawall_core::{Error, FailureKind, exponential};

use crate::classify::{LAYER, code_of};
use crate::client::read;
use crate::{Pipelined, Redis, Session};

/// How often a transaction is tried that others keep getting in the way of.
const MOST_ATTEMPTS: u32 = 16;

impl Redis {
    /// A transaction that is carried out only if nothing of what it read was changed meanwhile.
    ///
    /// The body reads over the session that it is given, under a watch on `keys`, and returns the commands that are to be
    /// carried out as one (or `None` to leave all as it is). If another client changed one of the keys in between, the
    /// body is run again from the start, up to 16 times with growing pauses.
    ///
    /// In a cluster the keys, and those that the commands name, must be of one slot: give them one hash tag.
    ///
    /// A transaction whose answer was lost is not repeated: nobody knows whether it was carried out.
    ///
    /// ```no_run
    /// # async fn example(redis: seawall_redis::Redis) -> Result<(), seawall_core::Error> {
    /// use seawall_redis::Pipelined;
    ///
    /// let after: Option<(i64,)> = redis
    ///     .transaction("stock", async |session| {
    ///         let stock: i64 = session.command("GET").arg("stock").query().await?;
    ///         Ok((stock > 0).then(|| Pipelined::default().command("DECR").arg("stock")))
    ///     })
    ///     .await?;
    /// # let _ = after;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of the body; [`FailureKind::Transient`] and not executed if the keys kept changing; otherwise as any call.
    pub async fn transaction<T: FromRedisValue>(
        &self,
        keys: impl ToRedisArgs,
        mut body: impl AsyncFnMut(&mut Session) -> Result<Option<Pipelined<'static>>, Error>,
    ) -> Result<Option<T>, Error> {
        let keys = keys.to_redis_args();
        let mut session = self.begin_session(keys.clone()).await?;
        for attempt in 0..MOST_ATTEMPTS {
            if attempt > 0 {
                let longest =
                    exponential(Duration::from_millis(1), 2.0, attempt - 1, Duration::from_millis(50));
                tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
            }
            match session.command("WATCH").arg(&keys).execute().await {
                Err(error) if code_of(&error) == Some("MOVED") => {
                    // Any call follows to where they are by now, and has the client know.
                    self.command("EXISTS").arg(&keys).at_primary().execute().await?;
                    session = self.begin_session(keys.clone()).await?;
                    continue;
                }
                watched => watched?,
            }
            let commands = body(&mut session).await?.filter(|commands| !commands.is_empty());
            let Some(commands) = commands else {
                session.command("UNWATCH").execute().await?;
                return Ok(None);
            };
            match session.query::<Value>(commands.atomic()).await? {
                Value::Nil => {}
                answers => return read(answers).map(Some),
            }
        }
        Err(Error::new(FailureKind::Transient, LAYER, session.node.dialer.name())
            .not_executed()
            .with_message(format!("the watched keys changed in each of {MOST_ATTEMPTS} attempts")))
    }
}
