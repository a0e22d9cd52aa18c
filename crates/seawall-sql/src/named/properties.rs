//! Whatever stands around the parameters reaches the database byte for byte.

use std::fmt::Write;

use proptest::prelude::*;

use super::{Dialect, compile};

/// A piece of a statement, and the name if it is a parameter.
fn piece(dialect: Dialect) -> BoxedStrategy<(String, Option<String>)> {
    let text = |strategy: BoxedStrategy<String>| strategy.prop_map(|text| (text, None)).boxed();
    let quoted = |open: &'static str, close: &'static str, inner: &'static str| {
        inner.prop_map(move |inner| format!("{open}{inner}{close}")).boxed()
    };
    // A backslash is a character as any other, but where it is not.
    let mysql = dialect == Dialect::MySql;
    let plain =
        |plain: &'static str, without_backslash: &'static str| if mysql { without_backslash } else { plain };
    let mut pieces = vec![
        "[a-z]{1,3}".prop_map(|name| (format!(":{name}"), Some(name))).boxed(),
        text(quoted("'", "'", plain("([^'\0]|''){0,8}", "([^'\\\\\0]|''){0,8}"))),
        text(quoted("\"", "\"", plain("([^\"\0]|\"\"){0,8}", "([^\"\\\\\0]|\"\"){0,8}"))),
        text(quoted("-- ", "\n", "[^\n\0]{0,8}")),
        text(quoted("/*", "*/", "[^*/!\0]{0,8}").boxed()),
        text(
            prop::sample::select(vec!["::", ":=", "(", ")", ",", "=", "+", ";", "é", "12", "a", ": "])
                .prop_map(String::from)
                .boxed(),
        ),
    ];
    match dialect {
        Dialect::Postgres => {
            pieces.push(text(quoted("$$", "$$", "[^$\0]{0,8}")));
            pieces.push(text(quoted("$t$", "$t$", "([^$t\0]|\\$\\$){0,4}")));
            pieces.push(text(quoted("E'", "'", "([^'\\\\\0]|''|\\\\[^\0]){0,8}")));
            pieces.push(text(quoted("/*/*", "*/*/", "[^*/\0]{0,8}")));
            pieces.push(text(Just(String::from("arr[lo:hi]")).boxed()));
        }
        Dialect::MySql => {
            pieces.push(text(quoted("`", "`", "([^`\0]|``){0,8}")));
            pieces.push(text(quoted("# ", "\n", "[^\n\0]{0,8}")));
            pieces.push(text(quoted("'", "'", "([^'\\\\\0]|''|\\\\[^\0]){0,8}")));
            pieces.push(text(quoted("/*!50000 ", "*/", "[a-z0-9 ]{0,8}")));
        }
        Dialect::Sqlite => {
            pieces.push(text(quoted("`", "`", "([^`\0]|``){0,8}")));
            pieces.push(text(quoted("[", "]", "[^\\]\0]{0,8}")));
        }
    }
    prop::strategy::Union::new(pieces).boxed()
}

fn check(dialect: Dialect, pieces: &[(String, Option<String>)]) -> Result<(), TestCaseError> {
    let mut expected = String::new();
    let mut names: Vec<String> = Vec::new();
    for (text, name) in pieces {
        match name {
            None => expected.push_str(text),
            Some(name) => {
                let known =
                    names.iter().position(|known| known == name).filter(|_| dialect != Dialect::MySql);
                let number = known.unwrap_or_else(|| {
                    names.push(name.clone());
                    names.len() - 1
                }) + 1;
                match dialect {
                    Dialect::Sqlite => write!(expected, "?{number}").unwrap(),
                    Dialect::Postgres => write!(expected, "${number}").unwrap(),
                    Dialect::MySql => expected.push('?'),
                }
            }
        }
        expected.push(' ');
    }
    let text: String = pieces.iter().flat_map(|(text, _)| [text.as_str(), " "]).collect();
    let compiled = compile(&text, dialect).map_err(TestCaseError::fail)?;
    prop_assert_eq!(&*compiled.sql, expected);
    prop_assert_eq!(compiled.names(), names);
    Ok(())
}

proptest! {
    #[test]
    fn sqlite_texts_change_in_their_parameters_only(pieces in prop::collection::vec(piece(Dialect::Sqlite), 0..12)) {
        check(Dialect::Sqlite, &pieces)?;
    }

    #[test]
    fn postgres_texts_change_in_their_parameters_only(pieces in prop::collection::vec(piece(Dialect::Postgres), 0..12)) {
        check(Dialect::Postgres, &pieces)?;
    }

    #[test]
    fn mysql_texts_change_in_their_parameters_only(pieces in prop::collection::vec(piece(Dialect::MySql), 0..12)) {
        check(Dialect::MySql, &pieces)?;
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}", odd in "['\"$:/*\\[\\]eE\\\\a-c-]{0,40}") {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
            let _ = compile(&text, dialect);
            let _ = compile(&odd, dialect);
        }
    }
}
