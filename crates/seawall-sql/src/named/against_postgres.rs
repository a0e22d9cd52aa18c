//! The reader of named parameters beside Postgres' own lexer: what the server takes for a part of a literal, a name or a
//! comment must be left alone, and nothing else.

#![cfg(feature = "postgres")]

use std::fmt::Write;

use fastrand::Rng;
use sqlx::postgres::{PgConnection, PgDatabaseError, PgErrorPosition};
use sqlx::{AssertSqlSafe, Connection, Executor};

use super::{Dialect, compile};

async fn server() -> PgConnection {
    PgConnection::connect(&seawall_testkit::servers::postgres_url().unwrap()).await.unwrap()
}

fn one<'t>(random: &mut Rng, of: &[&'t str]) -> &'t str {
    of[random.usize(..of.len())]
}

/// What stands in literals, names and comments to confuse a reader.
fn inside(random: &mut Rng, without: &[&str]) -> String {
    let bits = [
        ":p0", ":p1", ":", "::", "'", "''", "\"", "\"\"", "\\", "\\'", "\\\\", "$", "$$", "$t$", "$t", "--",
        "/*", "*/", "\n", " ", "a", "é", "[", "]", "E'", ";", "1",
    ];
    let bits: Vec<&str> =
        bits.into_iter().filter(|bit| without.iter().all(|taboo| !bit.contains(taboo))).collect();
    (0..random.usize(..6)).map(|_| one(random, &bits)).collect()
}

/// An expression of text that holds no parameter, for all that it may look so.
fn expression(random: &mut Rng) -> String {
    let single = |random: &mut Rng| format!("'{}'", inside(random, &["'", "\n"]).replace('a', "''"));
    let escaped = |random: &mut Rng| {
        format!("'{}'", inside(random, &["'", "\\"]).replace('a', "\\'").replace('1', "\\\\"))
    };
    match random.u8(..12) {
        0 | 1 => single(random),
        2 => format!("E{}", escaped(random)),
        // A string goes on after a line break, by the rules of its beginning.
        3 => format!("{} -- '\n{}", single(random), single(random)),
        4 => format!("e{}\n  {} -- :p0'\n {}", escaped(random), escaped(random), escaped(random)),
        5 => format!("$${}$$", inside(random, &["$"])),
        6 => format!("$t${}$t$", inside(random, &["$t$", "$t"]).replace("$$$", "").trim_end_matches('$')),
        7 => format!("U&{}", single(random).replace('\\', "")),
        8 => {
            let name = inside(random, &["\""]).replace('a', "\"\"");
            format!("(select \"x{name}\" from (select 'y' as \"x{name}\") s)")
        }
        9 => "(select (a[lo:hi])::text from (select array['x', ':p0', 'z'] as a, 1 as lo, 2 as hi) s)".into(),
        10 => "(select é$p0$x::text from (select 'q' as é$p0$x) s)".into(),
        _ => format!("{}::numeric::text", one(random, &["1", "1.5", ".5", "1e5", "(12%5)", "(-1)"])),
    }
}

fn blank(random: &mut Rng) -> String {
    match random.u8(..5) {
        0 => format!("/*{}*/", inside(random, &["*", "/"])),
        1 => format!("/* {} /* {} */ :p1 */", inside(random, &["*", "/"]), inside(random, &["*", "/"])),
        2 => format!("--{}\n", inside(random, &["\n"])),
        _ => " ".into(),
    }
}

#[tokio::test]
async fn the_server_reads_what_is_around_the_parameters_as_it_would_without_them() {
    let mut server = server().await;
    let seed = fastrand::u64(..);
    let mut random = Rng::with_seed(seed);
    let values = [("p0", "it's"), ("p1", ":p0"), ("p2", "$$ /* \\")];
    for round in 0..600 {
        let (mut named, mut literal) = (String::from("select"), String::from("select"));
        for place in 0..random.usize(1..7) {
            let (open, close) = (blank(&mut random), blank(&mut random));
            let comma = if place > 0 { "," } else { "" };
            let (ours, theirs) = if random.bool() {
                let (name, value) = values[random.usize(..values.len())];
                (format!(":{name}::text"), format!("'{}'::text", value.replace('\'', "''")))
            } else {
                let expression = expression(&mut random);
                (expression.clone(), expression)
            };
            write!(named, "{comma}{open}{ours}{close}").unwrap();
            write!(literal, "{comma}{open}{theirs}{close}").unwrap();
        }
        let compiled = compile(&named, Dialect::Postgres);
        let context = || format!("seed {seed}, round {round}:\n{named}\n{compiled:?}");
        let expected = server.fetch_one(sqlx::query(AssertSqlSafe(literal.clone()))).await;
        let expected = expected.map_err(|error| format!("{}\n{literal}\n{error}", context())).unwrap();
        let compiled = compiled.as_ref().unwrap_or_else(|error| panic!("{}: {error}", context()));
        let mut query = sqlx::query(AssertSqlSafe(compiled.sql.to_string()));
        for name in &compiled.parameters {
            query = query.bind(values.iter().find(|(known, _)| **known == **name).unwrap().1);
        }
        let row = server.fetch_one(query).await.unwrap_or_else(|error| panic!("{}: {error}", context()));
        let texts = |row: &sqlx::postgres::PgRow| -> Vec<String> {
            use sqlx::Row;
            (0..row.len()).map(|column| row.get(column)).collect()
        };
        assert_eq!(texts(&row), texts(&expected), "{}", context());
    }
}

/// Anything at all, most of it not SQL. The server knows no `:name`: where it stumbles over the colon of one, that is
/// outside of everything, and there is a parameter; where it takes the whole text, there is none.
#[tokio::test]
async fn in_any_text_a_parameter_is_where_the_server_stumbles_over_a_colon() {
    let mut server = server().await;
    let seed = fastrand::u64(..);
    let mut random = Rng::with_seed(seed);
    let bits = [
        "'", "'", "''", "E'", "e'", "U&'", "\\", "\\'", "\"", "\"", "$$", "$$", "$t$", "$t$", "$", "/*",
        "*/", "--", "\n", " ", ":a", ":a", ":a", "::text", "1", ",1", ",", "||", "a$", "[1:1]", "array[1]",
        "é",
    ];
    let (mut taken, mut stumbled) = (0, 0);
    for round in 0..6000 {
        let mut text = String::from(one(&mut random, &["select ", "select 'x'", "select 1,", "select $$"]));
        for _ in 0..random.usize(1..9) {
            text.push_str(one(&mut random, &bits));
        }
        let compiled = compile(&text, Dialect::Postgres);
        let context = || format!("seed {seed}, round {round}: {text:?} {compiled:?}");
        match server.execute(sqlx::raw_sql(AssertSqlSafe(text.clone()))).await {
            Ok(_) => {
                taken += 1;
                let compiled = compiled.as_ref().unwrap_or_else(|error| panic!("{}: {error}", context()));
                assert!(compiled.parameters.is_empty() && *compiled.sql == *text, "{}", context());
            }
            Err(sqlx::Error::Database(error)) => {
                let error = error.downcast_ref::<PgDatabaseError>();
                // Between brackets a colon may part the bounds of a slice.
                let beyond = match error.position() {
                    Some(PgErrorPosition::Original(place)) => text.chars().skip(place).collect(),
                    _ => String::new(),
                };
                let colon = error.message() == "syntax error at or near \":\"";
                if colon && beyond.starts_with('a') && !text.contains('[') {
                    stumbled += 1;
                    let found = compiled.as_ref().is_ok_and(|compiled| !compiled.parameters.is_empty());
                    assert!(found || compiled.is_err(), "{}", context());
                }
            }
            Err(error) => panic!("{}: {error}", context()),
        }
    }
    assert!(taken > 100 && stumbled > 100, "{taken} texts were taken, {stumbled} stumbled over");
}
