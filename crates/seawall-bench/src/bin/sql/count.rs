//! Queries and nothing else, for profilers.

use seawall_testkit::servers::Postgres;
use sqlx::{Connection, PgConnection};

use crate::{Result, held, point};

/// Makes this program so many queries, one after another on one thread and one connection: `--queries seawall 2000`, or
/// `sqlx`. The difference of two counts of instructions is what the queries between them cost.
pub(crate) const QUERIES: &str = "--queries";

/// The same by so many tasks at once on sixteen connections: `--load seawall 64 100000`, `sqlx` (its pool) or `deadpool`.
pub(crate) const LOAD: &str = "--load";

/// Makes queries, for [`QUERIES`].
pub(crate) fn one_after_another(client: &str, queries: &str) -> Result<()> {
    let queries = queries.parse()?;
    let server = Postgres::start()?;
    let url = server.url();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        point::fill(&url).await?;
        match client {
            "sqlx" => held::through_sqlx(&mut PgConnection::connect(&url).await?, queries).await,
            "seawall" => held::through_seawall(&held::seawall(&url).await?, queries).await,
            other => Err(format!("there is no `{other}`: name `sqlx` or `seawall`").into()),
        }
    })
}

/// Makes queries, for [`LOAD`].
pub(crate) fn at_once(client: &str, tasks: &str, queries: &str) -> Result<()> {
    let (tasks, queries): (usize, usize) = (tasks.parse()?, queries.parse()?);
    let server = Postgres::start()?;
    let url = server.url();
    crate::runtime()?.block_on(async {
        point::fill(&url).await?;
        let [sqlx, deadpool, seawall] = point::Client::all(&url).await?;
        let client = match client {
            "sqlx" => sqlx,
            "deadpool" => deadpool,
            "seawall" => seawall,
            other => {
                return Err(format!("there is no `{other}`: name `sqlx`, `deadpool` or `seawall`").into());
            }
        };
        println!("{:.0}/s", point::measure(&client, tasks, queries / tasks).await?);
        Ok(())
    })
}
