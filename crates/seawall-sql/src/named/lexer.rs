use std::fmt::Write;

use super::{Compiled, Dialect, ROLLBACK_TO};

/// Words that can write, or lock as a write does. A text without any of them only reads, as far as a text can say.
const WRITING: &[&str] = &[
    "alter", "analyze", "attach", "call", "copy", "create", "delete", "detach", "do", "drop", "grant",
    "insert", "into", "lock", "merge", "pragma", "reindex", "revoke", "share", "truncate", "update",
    "vacuum",
];
/// Words that a text that reads begins with.
const READING: &[&str] = &["explain", "select", "show", "table", "values", "with"];
/// Words that move a session into or out of a transaction when a statement begins with them.
const CONTROL: &[&str] = &["abort", "begin", "commit", "end", "release", "rollback", "savepoint", "start"];

/// Turns `:name` into placeholders and leaves every other byte as it is.
pub(crate) fn compile(text: &str, dialect: Dialect) -> Result<Compiled, String> {
    if text.contains('\0') {
        return Err("the statement contains a NUL byte".into());
    }
    let mut lexer = Lexer {
        text,
        bytes: text.as_bytes(),
        at: 0,
        copied: 0,
        dialect,
        out: String::with_capacity(text.len() + 8),
        parameters: Vec::new(),
        brackets: 0,
        before: Before::Nothing,
        statement_begins: true,
        first_word: None,
        writes: false,
        control: None,
    };
    lexer.run()?;
    let reads = !lexer.writes && lexer.first_word.is_some_and(|word| READING.contains(&word));
    Ok(Compiled {
        sql: lexer.out.into(),
        parameters: lexer.parameters,
        reads,
        transaction_control: lexer.control,
    })
}

/// What stands before the current position, comments and blanks aside.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    /// Something a value can end with: a name, a number, a closing bracket.
    Operand,
    Other,
}

struct Lexer<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    /// Everything up to here is in `out`.
    copied: usize,
    dialect: Dialect,
    out: String,
    parameters: Vec<String>,
    /// How many `[` are open, where `[` opens a subscript and no name.
    brackets: usize,
    before: Before,
    statement_begins: bool,
    first_word: Option<&'static str>,
    writes: bool,
    control: Option<&'static str>,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), String> {
        let postgres = self.dialect == Dialect::Postgres;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\'' => self.quoted(b'\'', false)?,
                b'"' => self.quoted(b'"', false)?,
                b'`' if !postgres => self.quoted(b'`', false)?,
                b'[' if !postgres => self.quoted(b']', false)?,
                b'-' if self.peek(1) == Some(b'-') => self.line_comment(),
                b'/' if self.peek(1) == Some(b'*') => self.block_comment()?,
                b'$' if postgres => self.dollar()?,
                b'$' | b'@' | b'?' | b'#' if !postgres => {
                    return Err(format!(
                        "`{}` at byte {} is a positional parameter: write `:name` and bind by name",
                        byte as char, self.at
                    ));
                }
                b':' => self.colon(),
                byte if is_word(byte) => self.word()?,
                byte => {
                    match byte {
                        b'[' => self.brackets += 1,
                        b']' => self.brackets = self.brackets.saturating_sub(1),
                        _ => {}
                    }
                    if byte == b';' {
                        self.statement_begins = true;
                    }
                    if !byte.is_ascii_whitespace() {
                        self.before =
                            if matches!(byte, b')' | b']') { Before::Operand } else { Before::Other };
                    }
                    self.at += 1;
                }
            }
        }
        self.out.push_str(&self.text[self.copied..]);
        Ok(())
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// A literal or a quoted name, from its opening quote to its closing one, which stands for itself when doubled.
    fn quoted(&mut self, close: u8, backslash: bool) -> Result<(), String> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                None => return Err(format!("the quote opened at byte {start} is never closed")),
                Some(b'\\') if backslash => self.at += 2,
                Some(&byte) if byte == close => {
                    self.at += 1;
                    // A bracketed name cannot hold its bracket.
                    if close == b']' || self.peek(0) != Some(close) {
                        break;
                    }
                    self.at += 1;
                }
                Some(_) => self.at += 1,
            }
        }
        self.before = Before::Operand;
        self.statement_begins = false;
        Ok(())
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    /// Postgres nests block comments; SQLite does not, and lets the end of the text close one.
    fn block_comment(&mut self) -> Result<(), String> {
        let start = self.at;
        let mut depth = 0_usize;
        while self.at < self.bytes.len() {
            match (self.bytes[self.at], self.peek(1)) {
                (b'/', Some(b'*')) if depth == 0 || self.dialect == Dialect::Postgres => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.at += 1,
            }
        }
        match self.dialect {
            Dialect::Sqlite => Ok(()),
            Dialect::Postgres => Err(format!("the comment opened at byte {start} is never closed")),
        }
    }

    /// A dollar-quoted string of Postgres, or its positional parameter.
    fn dollar(&mut self) -> Result<(), String> {
        let start = self.at;
        let rest = &self.bytes[start + 1..];
        if rest.first().is_some_and(u8::is_ascii_digit) {
            return Err(format!(
                "`$` at byte {start} is a positional parameter: write `:name` and bind by name"
            ));
        }
        let tag = rest.iter().take_while(|byte| is_word(**byte)).count();
        if rest.get(tag) != Some(&b'$') {
            self.at += 1;
            return Ok(());
        }
        let delimiter = &self.text[start..=start + 1 + tag];
        let body = start + delimiter.len();
        let Some(length) = self.text[body..].find(delimiter) else {
            return Err(format!("the string opened with {delimiter} at byte {start} is never closed"));
        };
        self.at = body + length + delimiter.len();
        self.before = Before::Operand;
        Ok(())
    }

    fn colon(&mut self) {
        let start = self.at;
        if let Some(b':' | b'=') = self.peek(1) {
            self.at += 2;
            self.before = Before::Other;
            return;
        }
        let name = self.bytes[start + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        // `a[lo:hi]` is a slice: the colon follows something that ends a value, inside of a subscript.
        let slice = self.brackets > 0 && self.before == Before::Operand;
        if name == 0 || self.bytes[start + 1].is_ascii_digit() || slice {
            self.at += 1;
            self.before = Before::Other;
            return;
        }
        let name = &self.text[start + 1..=start + name];
        let number = self.parameters.iter().position(|known| known == name).unwrap_or_else(|| {
            self.parameters.push(name.to_owned());
            self.parameters.len() - 1
        }) + 1;
        self.out.push_str(&self.text[self.copied..start]);
        let sign = if self.dialect == Dialect::Postgres { '$' } else { '?' };
        write!(self.out, "{sign}{number}").expect("writing into a string cannot fail");
        self.at = start + 1 + name.len();
        self.copied = self.at;
        self.before = Before::Operand;
        self.statement_begins = false;
    }

    /// A keyword, name or number; also the prefix of an escape string.
    fn word(&mut self) -> Result<(), String> {
        let start = self.at;
        while self.peek(0).is_some_and(|byte| is_word(byte) || byte == b'$') {
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        if self.dialect == Dialect::Postgres && word.eq_ignore_ascii_case("e") && self.peek(0) == Some(b'\'')
        {
            return self.quoted(b'\'', true);
        }
        let among =
            |list: &[&'static str]| list.iter().copied().find(|known| word.eq_ignore_ascii_case(known));
        self.writes |= among(WRITING).is_some();
        if self.control == Some("rollback") && word.eq_ignore_ascii_case("to") {
            self.control = Some(ROLLBACK_TO);
        }
        if self.statement_begins {
            self.statement_begins = false;
            match self.first_word {
                None => {
                    self.first_word = Some(among(READING).unwrap_or("other"));
                    self.control = among(CONTROL);
                    // The body of a trigger or function has a `begin`, an `end` and semicolons of its own.
                    if word.eq_ignore_ascii_case("create") {
                        self.first_word = Some("create");
                    }
                }
                Some("create") => {}
                Some(_) => {
                    // What follows the first statement may write all the same.
                    self.writes |= among(READING).is_none();
                    self.control = self.control.or(among(CONTROL));
                }
            }
        }
        self.before = Before::Operand;
        Ok(())
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(text: &str) -> (String, Vec<String>) {
        let compiled = compile(text, Dialect::Postgres).unwrap();
        (compiled.sql.to_string(), compiled.parameters)
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
        assert_eq!(compile("select /* /* */ :a", Dialect::Sqlite).unwrap().parameters, ["a"]);
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
    fn finds_what_would_move_the_session_into_a_transaction() {
        let control = |text| compile(text, Dialect::Sqlite).unwrap().transaction_control;
        assert_eq!(control("BEGIN"), Some("begin"));
        assert_eq!(control("select 1; /* x */ commit"), Some("commit"));
        assert_eq!(control("rollback"), Some("rollback"));
        assert_eq!(control("rollback transaction to x"), Some(ROLLBACK_TO));
        assert_eq!(control("select 'begin'"), None);
        assert_eq!(control("create trigger x after insert on t begin update t set a = 1; end"), None);
    }
}
