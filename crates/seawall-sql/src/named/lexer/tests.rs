use super::*;

fn postgres(text: &str) -> (String, Vec<String>) {
    let compiled = compile(text, Dialect::Postgres).unwrap();
    (compiled.sql.to_string(), compiled.names())
}

#[test]
fn a_name_used_twice_is_bound_once() {
    let (sql, names) = postgres("select :a + :b + :a");
    assert_eq!(sql, "select $1 + $2 + $1");
    assert_eq!(names, ["a", "b"]);
    let sqlite = compile("select :a + :b + :a", Dialect::Sqlite).unwrap();
    assert_eq!(&*sqlite.sql, "select ?1 + ?2 + ?1");
}

#[test]
fn what_only_looks_like_a_parameter_is_left_alone() {
    for text in [
        "select ':a', \":a\", E'\\':a', e'x\\\\', x::int, f(a := 1)",
        "select 1 -- :a\n",
        "/* :a /* :b */ :c */ select 1",
        "select $$:a$$, $tag$ :a $$ $tag$",
        "select arr[lo:hi], arr[1:2], arr[f(1):3]",
        "select 12:30",
        "select a$b$c from t",
        "select 'it''s :a'",
    ] {
        assert_eq!(postgres(text), (text.to_owned(), vec![]), "{text}");
    }
    for text in ["select [:a], `:a`, ':a' /* :a */", "select 1 /* :a", "select /* /* */ 1"] {
        assert_eq!(&*compile(text, Dialect::Sqlite).unwrap().sql, text);
    }
}

#[test]
fn a_parameter_is_found_beside_what_is_not() {
    assert_eq!(postgres("select :a::int, 'x':b").0, "select $1::int, 'x'$2");
    assert_eq!(postgres("select arr[:i], :é").0, "select arr[$1], :é");
    assert_eq!(compile("select /* /* */ :a", Dialect::Sqlite).unwrap().names(), ["a"]);
    assert_eq!(postgres("select E'\\'' || :a || e'\\\\' || :b").1, ["a", "b"]);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    for (text, dialect, place) in [
        ("select 'x", Dialect::Sqlite, "byte 7"),
        ("select $a$ x", Dialect::Postgres, "byte 7"),
        ("select /* x", Dialect::Postgres, "byte 7"),
        ("select $1", Dialect::Postgres, "positional"),
        ("select ?", Dialect::Sqlite, "positional"),
        ("select @a", Dialect::Sqlite, "positional"),
        ("select 1 \0", Dialect::Sqlite, "NUL"),
    ] {
        let refusal = compile(text, dialect).unwrap_err();
        assert!(refusal.contains(place), "{text}: {refusal}");
    }
}

#[test]
fn only_a_text_without_a_writing_word_reads() {
    let reads = |text| compile(text, Dialect::Postgres).unwrap().reads;
    assert!(reads("-- x\n (select 'update' from \"insert\")"));
    assert!(reads("with a as (select 1) select * from a"));
    for text in [
        "insert into t values (1) returning a",
        "with a as (delete from t returning 1) select * from a",
        "select 1 from t for update",
        "select 1 into x",
        "explain analyze select 1",
        "select 1; drop table t",
        "select 1; replace into t values (1)",
        "",
    ] {
        assert!(!reads(text), "{text}");
    }
}

#[test]
fn mysql_is_read_by_its_own_rules() {
    let read = |text| {
        let compiled = compile(text, Dialect::MySql).unwrap();
        (compiled.sql.to_string(), compiled.names())
    };
    // Its placeholders have no numbers: a name used twice is bound twice.
    assert_eq!(
        read("select :a + :b + :a"),
        ("select ? + ? + ?".into(), ["a", "b", "a"].map(String::from).to_vec())
    );
    for text in [
        r#"select 'it\'s :a', 'x\\', "a\" :b""#,
        "select `:a``:b`",
        "select 1 # :a\n",
        "select 1 -- :a\n",
        "select 1 --",
        "select /* :a /* :b */ 1",
        "set @a := 1, @@session.time_zone = '+00:00'",
        "select a$b from $t",
    ] {
        assert_eq!(read(text), (text.to_owned(), vec![]), "{text}");
    }
    assert_eq!(read(r"select 'x\\', :a, `\`, :b").1, ["a", "b"]);
    assert_eq!(read("select 5--:a"), ("select 5--?".into(), vec!["a".into()]));
    assert_eq!(read("select /*! 1 + */ /*!50000 :a + */ /*M!100100 :b */ + :c").1, ["a", "b", "c"]);
    assert!(compile("select /*! :a", Dialect::MySql).is_ok());
    for text in ["select ?", "select 'x\\'", "select /* x"] {
        assert!(compile(text, Dialect::MySql).is_err(), "{text}");
    }
}

#[test]
fn what_commits_by_the_way_is_found_where_it_does() {
    let commits = |text| compile(text, Dialect::MySql).unwrap().commits;
    assert_eq!(commits("CREATE TABLE t (a int)"), Some("create"));
    assert_eq!(commits("create or replace table t (temporary int)"), Some("create"));
    assert_eq!(commits("select 1; truncate t"), Some("truncate"));
    assert_eq!(commits("/*!50000 drop table t */"), Some("drop"));
    assert_eq!(commits("create temporary table t (a int)"), None);
    assert_eq!(commits("create or replace temporary table t (a int)"), None);
    assert_eq!(commits("drop temporary table t"), None);
    assert_eq!(commits("update t set a = 1"), None);
    assert_eq!(compile("create table t (a int)", Dialect::Postgres).unwrap().commits, None);
}

#[test]
fn finds_what_would_move_the_session_into_a_transaction() {
    let control = |text| compile(text, Dialect::Sqlite).unwrap().transaction_control;
    assert_eq!(control("BEGIN"), Some("begin"));
    assert_eq!(control("select 1; /* x */ commit"), Some("commit"));
    assert_eq!(control("rollback"), Some("rollback"));
    assert_eq!(control("rollback transaction to x"), Some(ROLLBACK_TO));
    assert_eq!(control("select 'begin'"), None);
    let mysql = |text| compile(text, Dialect::MySql).unwrap().transaction_control;
    assert_eq!(mysql("START TRANSACTION"), Some("start"));
    assert_eq!(mysql("/*!40000 begin */"), Some("begin"));
    assert_eq!(mysql("xa begin 'x'"), Some("xa"));
    assert_eq!(mysql("set session autocommit = 0"), Some("set autocommit"));
    assert_eq!(mysql("set @autocommit_was = 1"), None);
    assert_eq!(control("create trigger x after insert on t begin update t set a = 1; end"), None);
}

#[test]
fn a_list_gets_a_placeholder_for_each_value() {
    let read = |text, dialect| {
        let compiled = compile_lists(text, dialect, &[("ids", 2)]).unwrap();
        let lists: Vec<_> = compiled.lists.iter().map(|places| (places.start, places.end)).collect();
        (compiled.sql.to_string(), compiled.parameters.len(), lists)
    };
    let text = "select :a where x in (:ids) and :a = y and z NOT IN ( :ids )";
    let numbered = "select $1 where x in ($2, $3) and $1 = y and z NOT IN ( $2, $3 )";
    assert_eq!(read(text, Dialect::Postgres), (numbered.into(), 3, vec![(1, 3)]));
    let bound_twice = "select ? where x in (?, ?) and ? = y and z NOT IN ( ?, ? )";
    for dialect in [Dialect::MySql, Dialect::Sqlite] {
        assert_eq!(read(text, dialect), (bound_twice.into(), 6, vec![(1, 3), (4, 6)]));
    }
    // An array is one value, also beside the same list.
    let both = "x in (:ids) or y = any(:ids)";
    assert_eq!(read(both, Dialect::Postgres), ("x in ($1, $2) or y = any($3)".into(), 3, vec![(0, 2)]));
    for text in ["values (:ids)", "x in (:ids, 1)", "\"in\" (:ids)", "1 -- in\n(:ids)", "join(:ids)"] {
        assert!(compile_lists(text, Dialect::Sqlite, &[("ids", 2)]).unwrap_err().contains("in (:ids)"));
        assert_eq!(read(text, Dialect::Postgres).1, 1, "{text}");
    }
    let empty = |dialect| compile_lists("x in (:ids)", dialect, &[("ids", 0)]).unwrap_err();
    assert!(empty(Dialect::MySql).ends_with("leave the condition out"));
    assert!(empty(Dialect::Postgres).ends_with("= any(:ids)`"));
}

#[test]
fn what_is_shown_of_a_text_holds_no_value() {
    let shown = |text, dialect| compile(text, dialect).unwrap().normalised.to_string();
    assert_eq!(
        shown("select \"n\", 'it''s', E'\\'', $$x$$, 12, 1.5, a1 from t where b = :b", Dialect::Postgres),
        "select \"n\", ?, E?, ?, ?, ?.?, a1 from t where b = :b"
    );
    assert_eq!(shown("select `n`, \"it's\", 'x'", Dialect::MySql), "select `n`, ?, ?");
    let operation = |text| compile(text, Dialect::Postgres).unwrap().operation;
    assert_eq!(operation("-- x\n SELECT 1"), Some("select"));
    assert_eq!(operation("with a as (select 1) select 1"), None);
    assert_eq!(operation("select 1; select 2"), None);
    let in_parts = |text| compile(text, Dialect::Sqlite).unwrap().in_parts;
    assert!(in_parts("insert into t values (1); insert into t values (2)"));
    assert!(in_parts("create table t (n integer); insert into t values (2)"));
    assert!(in_parts("-- x\n CALL p()"));
    assert!(!in_parts("insert into t values (';', 1); -- x\n;"));
}
