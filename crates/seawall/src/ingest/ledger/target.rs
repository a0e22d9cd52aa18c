//! The table that rows go into, as the ledger and its statements name it.

use seawall_core::Error;
use seawall_sql::{Sql, Transaction};

use super::entry::signed;
use super::wrong;

/// The table that rows go into.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// As whoever asked for it names it.
    table: String,
    /// As statements name it.
    pub(super) quoted: String,
    /// As entries name it: the same for `trades` and `public.trades`, or for `Trades` where letter case does not count.
    pub(super) name: String,
    system: &'static str,
}

impl Target {
    pub(super) async fn find(sql: &Sql, table: &str) -> Result<Self, Error> {
        let quoted = sql.quote_table(table)?;
        let system = sql.system().unwrap_or_default();
        let name = match system {
            "sqlite" => {
                // Letter case does not count there, that of ASCII.
                let name = table.to_ascii_lowercase();
                name.strip_prefix("main.").map(str::to_owned).unwrap_or(name)
            }
            "postgresql" if !table.contains('.') => {
                // Where the search path finds it, or else will make it.
                let find = "select coalesce(
                    (select relnamespace::regnamespace::text from pg_class where oid = to_regclass(:table)),
                    current_schema()::text)";
                let (schema,): (Option<String>,) =
                    sql.query(find).bind("table", quoted.as_str()).fetch_one().await?;
                schema.map_or_else(|| table.to_owned(), |schema| format!("{schema}.{table}"))
            }
            "mysql" | "mariadb" => {
                let find = "select database(), cast(@@lower_case_table_names as signed)";
                let (database, any_case): (Option<String>, i64) = sql.query(find).fetch_one().await?;
                let database = database.ok_or_else(|| {
                    let message =
                        "the URL names no database, which the ledger needs: mysql://USER@HOST/DATABASE";
                    wrong(table, message.to_owned())
                })?;
                let name = if table.contains('.') { table.to_owned() } else { format!("{database}.{table}") };
                if any_case == 0 { name } else { name.to_lowercase() }
            }
            _ => table.to_owned(),
        };
        Ok(Self { table: table.to_owned(), quoted, name, system })
    }

    /// Schema, if there is one, and table.
    fn parts(&self) -> (Option<&str>, &str) {
        self.table
            .split_once('.')
            .map_or((None, self.table.as_str()), |(schema, table)| (Some(schema), table))
    }

    /// Refuses a table of MySQL's whose engine has no transactions, or none that can be undone in part.
    pub(super) async fn check_engine(&self, sql: &Sql) -> Result<(), Error> {
        if !matches!(self.system, "mysql" | "mariadb") {
            return Ok(());
        }
        let (schema, table) = self.parts();
        let find = "select t.engine from information_schema.tables t
             left join information_schema.engines e on e.engine = t.engine
             where t.table_schema = coalesce(:schema, database()) and t.table_name = :table and t.engine is not null
                 and (coalesce(e.transactions, '') <> 'YES' or coalesce(e.savepoints, '') <> 'YES')";
        let unfit: Option<(String,)> =
            sql.query(find).bind("schema", schema).bind("table", table).fetch_optional().await?;
        match unfit {
            None => Ok(()),
            Some((engine,)) => Err(wrong(
                &self.table,
                format!(
                    "the table's engine {engine} has no transactions, so a row could be stored twice: \
                     alter table {} engine = InnoDB",
                    self.quoted
                ),
            )),
        }
    }

    /// Refuses a key that MySQL has no unique index of: it takes whatever indexes there are, and would store each row
    /// anew. The others refuse it themselves.
    pub(super) async fn check_key(&self, sql: &Sql, key: &[String]) -> Result<(), Error> {
        if !matches!(self.system, "mysql" | "mariadb") {
            return Ok(());
        }
        let (schema, table) = self.parts();
        let find = "select count(*) from (select index_name from information_schema.statistics
             where table_schema = coalesce(:schema, database()) and table_name = :table and non_unique = 0
             group by index_name having count(*) = :columns and sum(lower(column_name) in (:key)) = :columns) fitting";
        let names: Vec<String> = key.iter().map(|name| name.to_lowercase()).collect();
        let indexes = sql.query(find).bind("schema", schema).bind("table", table).bind("key", names);
        let (indexes,): (i64,) = indexes.bind("columns", signed(key.len() as u64)).fetch_one().await?;
        if indexes > 0 {
            return Ok(());
        }
        let key = key.join("`, `");
        Err(wrong(&self.table, format!("the table has no unique index of the columns `{key}` and no others")))
    }

    /// Whether foreign keys of other tables point to this one: removing its rows may remove theirs.
    pub(super) async fn is_referred_to(&self, transaction: &mut Transaction) -> Result<bool, Error> {
        let (schema, table) = self.parts();
        let count = match self.system {
            "postgresql" => transaction
                .query("select count(*) from pg_constraint where contype = 'f' and confrelid = to_regclass(:table)")
                .bind("table", self.quoted.as_str()),
            "sqlite" => transaction
                .query(
                    "select count(*) from sqlite_master m, pragma_foreign_key_list(m.name) k
                     where m.type = 'table' and lower(k.\"table\") = :table",
                )
                .bind("table", self.name.as_str()),
            "mysql" | "mariadb" => transaction
                .query(
                    "select count(*) from information_schema.key_column_usage
                     where referenced_table_schema = coalesce(:schema, database()) and referenced_table_name = :table",
                )
                .bind("schema", schema)
                .bind("table", table),
            _ => return Ok(true),
        };
        let (keys,): (i64,) = count.fetch_one().await?;
        Ok(keys > 0)
    }
}
