#![doc = include_str!("../README.md")]

mod arguments;
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
