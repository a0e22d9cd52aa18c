#![doc = include_str!("../README.md")]

mod arguments;
mod cached;
mod duration;
mod transaction;

use proc_macro::TokenStream;

/// Runs a function in a transaction of its own, and again after a serialization failure or a deadlock.
///
/// The function is written with a parameter `&mut Transaction`, which its callers do not see, and says where the
/// transaction is begun: by a parameter `&Sql`, or by `on = …`. Its body becomes the work of
/// `sql.build_transaction()…run(…)`: committed when it returns `Ok`, rolled back when it returns an error, panics or is
/// dropped, and run again, as a whole, when the database undid it because somebody else was in the way.
///
/// | argument | meaning |
/// |---|---|
/// | `isolation = "serializable"` | or `"repeatable_read"`, `"read_committed"`; the database's own default without it |
/// | `read_only` | it does not write |
/// | `retries = 5` | how often it is run again at most |
/// | `timeout = "2s"` | how long all of it may take: runs, waits and commit |
/// | `idempotency_key = "transfer:{id}"` | what tells whether a commit without an answer happened; parameters in braces, as in `format!` |
/// | `on = self.sql` | where it is begun, if not at the parameter `&Sql` |
///
/// Because the body may run several times, each run gets clones of the arguments: they must be `Clone`, or references.
/// `&mut` references are refused, since a run that was undone would leave its marks in them.
///
/// ```text
/// #[transaction(isolation = "serializable", retries = 5, timeout = "2s")]
/// async fn withdraw(sql: &Sql, tx: &mut Transaction, account: i64, amount: i64) -> Result<(), Error> {
///     tx.execute("update account set balance = balance - :amount where id = :account")
///         .bind("amount", amount)
///         .bind("account", account)
///         .await?;
///     Ok(())
/// }
///
/// withdraw(&sql, 7, 100).await?;
/// ```
#[proc_macro_attribute]
pub fn transaction(arguments: TokenStream, function: TokenStream) -> TokenStream {
    transaction::expand(arguments.into(), function.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Keeps what a function returns in a cache, and runs it only when the cache has nothing.
///
/// Its body becomes the loader of `cache.get_or_load(…)`, with all that comes with that: however many callers miss, it runs
/// once, in a task of its own, and a caller that gives up stops nothing.
///
/// | argument | meaning |
/// |---|---|
/// | `cache = self.cache` | where values are kept: a `Cache`, or a `Cache<K, V>` |
/// | `key = "user:{id}"` | what tells them apart: parameters in braces, as in `format!`; for a `Cache<K, V>` any expression that is a `K` |
/// | `ttl = "5m"` | how long one is fresh |
/// | `stale = "1h"` | how long after that it is served while it is renewed |
/// | `on_error = "1d"` | how long after it was fresh it answers in place of a failure |
/// | `idle = "10m"` | gone when nobody asked for it for so long |
/// | `failures = "5s"` | how long a failure is remembered |
/// | `absent = "30s"` | how long a `None` is kept, where the function returns an `Option` |
/// | `tags = ["users", "user:{id}"]` | under which tags it is kept |
///
/// A function that returns a `Result<T, E>` has its `T` kept. Its errors go through `seawall_core::Error`, so that
/// everybody who waits can have a copy: `E` must be made `From<seawall_core::Error>`, and go into a boxed error. A function
/// that returns anything else has that kept; if its load panics, or the deadline comes first, it is run without the cache.
///
/// Because the load outlives the call, it gets clones of the arguments: they must be `Clone`, references to what has an
/// owned form, and own whatever they hold. So must `self`, a handle on the cache and whatever else the body needs.
///
/// ```text
/// impl Users {
///     #[cached(cache = self.cache, key = "user:{id}", ttl = "5m", stale = "1h", tags = ["users"])]
///     async fn user(&self, id: u64) -> Result<User, Error> {
///         self.sql.query("select * from users where id = :id").bind("id", id).fetch_one().await
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn cached(arguments: TokenStream, function: TokenStream) -> TokenStream {
    cached::expand(arguments.into(), function.into()).unwrap_or_else(|error| error.to_compile_error()).into()
}
