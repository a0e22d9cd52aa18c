//! Where databases do not agree on how a statement of the ledger is written.

/// The words that differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) create: &'static str,
    /// The name of the column `rows`, which MySQL reserves.
    pub(super) rows: &'static str,
    /// The condition that an entry is of the source `:source`.
    pub(super) is_source: &'static str,
    /// What an entry has behind the values that are the same everywhere.
    pub(super) more: &'static str,
    /// What a sum has to be cast to, to be read as a whole number.
    pub(super) integer: &'static str,
}

pub(super) const STANDARD: Words = Words {
    create: "create table if not exists seawall_ledger (
    target text not null,
    source text not null,
    generation bigint not null,
    batch bigint not null,
    start_position bigint not null,
    position bigint not null,
    line bigint not null,
    rows bigint not null,
    rejected bigint not null,
    checksum text not null,
    version text,
    layout text not null,
    done bigint not null,
    primary key (target, source, generation, batch))",
    rows: "rows",
    is_source: "source = :source",
    more: "",
    integer: "bigint",
};

/// No key holds a text of any length there, and no comparison of texts minds blanks at their end: a source is known by
/// its digest. The engine is named because another default one may have no transactions.
pub(super) const MYSQL: Words = Words {
    create: "create table if not exists seawall_ledger (
    target varchar(255) not null,
    source longtext not null,
    generation bigint not null,
    batch bigint not null,
    start_position bigint not null,
    position bigint not null,
    line bigint not null,
    `rows` bigint not null,
    rejected bigint not null,
    checksum text not null,
    version text,
    layout longtext not null,
    done bigint not null,
    source_digest char(64) not null,
    primary key (target, source_digest, generation, batch))
    engine = InnoDB character set utf8mb4 collate utf8mb4_bin",
    rows: "`rows`",
    is_source: "source_digest = sha2(:source, 256)",
    more: ", sha2(:source, 256)",
    integer: "signed",
};

impl Words {
    /// Those of a database, as `Sql::system` names it.
    pub(super) fn of(system: Option<&str>) -> &'static Self {
        match system {
            Some("mysql" | "mariadb") => &MYSQL,
            _ => &STANDARD,
        }
    }
}
