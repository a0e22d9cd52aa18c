mod lists;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use super::words::{COMMITTING, CONTROL, CONTROL_MYSQL, OPERATIONS, READING, WRITING};
use super::{Compiled, Dialect, ROLLBACK_TO};

/// Turns `:name` into placeholders and leaves every other byte as it is.
#[cfg(test)]
pub(crate) fn compile(text: &str, dialect: Dialect) -> Result<Compiled, String> {
    compile_lists(text, dialect, &[])
}

/// The same; each of `lists` is a name that a list of so many values is bound to.
pub(crate) fn compile_lists(
    text: &str,
    dialect: Dialect,
    lists: &[(&str, usize)],
) -> Result<Compiled, String> {
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
        lists,
        spread: Vec::new(),
        literals: Vec::new(),
        last_word: 0..0,
        operation: None,
        brackets: 0,
        before: Before::Nothing,
        statement_begins: true,
        first_word: None,
        writes: false,
        control: None,
        commits: None,
        statements: 0,
        making: false,
        hints: 0,
    };
    lexer.run()?;
    let reads = !lexer.writes && lexer.first_word.is_some_and(|word| READING.contains(&word));
    let text: Arc<str> = text.into();
    Ok(Compiled {
        dialect,
        sql: lexer.out.into(),
        normalised: without(&lexer.literals, &text),
        text,
        operation: lexer.operation,
        parameters: lexer.parameters,
        lists: lexer.spread,
        reads,
        transaction_control: lexer.control,
        commits: lexer.commits,
        in_parts: lexer.statements > 1 || matches!(lexer.operation, Some("call" | "do")),
    })
}

/// The text with a question mark in place of each literal.
fn without(literals: &[Range<usize>], text: &Arc<str>) -> Arc<str> {
    if literals.is_empty() {
        return Arc::clone(text);
    }
    let mut normalised = String::with_capacity(text.len());
    let mut copied = 0;
    for literal in literals {
        normalised.push_str(&text[copied..literal.start]);
        normalised.push('?');
        copied = literal.end;
    }
    normalised.push_str(&text[copied..]);
    normalised.into()
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
    parameters: Vec<Arc<str>>,
    /// Names that lists are bound to, with how many placeholders each gets.
    lists: &'t [(&'t str, usize)],
    /// The placeholders of lists.
    spread: Vec<Range<usize>>,
    /// Where values stand in the text.
    literals: Vec<Range<usize>>,
    /// Where the last word is.
    last_word: Range<usize>,
    operation: Option<&'static str>,
    /// How many `[` are open, where `[` opens a subscript and no name.
    brackets: usize,
    before: Before,
    statement_begins: bool,
    first_word: Option<&'static str>,
    writes: bool,
    control: Option<&'static str>,
    commits: Option<&'static str>,
    /// How many statements there are.
    statements: usize,
    /// The word before was `create`, `drop` or `replace`.
    making: bool,
    /// How many comments are open that are statement to the server.
    hints: usize,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), String> {
        let [sqlite, postgres, mysql] =
            [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql].map(|dialect| self.dialect == dialect);
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                // A backslash means nothing to `"` where the mode ANSI_QUOTES makes names of what it quotes. No name
                // ends with one, so it does not matter.
                b'\'' | b'"' => self.quoted(byte, mysql)?,
                b'`' if !postgres => self.quoted(b'`', false)?,
                b'[' if sqlite => self.quoted(b']', false)?,
                b'-' if self.begins_line_comment() => self.line_comment(),
                b'#' if mysql => self.line_comment(),
                b'/' if mysql && self.begins_hint() => self.hint(),
                b'*' if self.hints > 0 && self.peek(1) == Some(b'/') => {
                    self.hints -= 1;
                    self.at += 2;
                }
                b'/' if self.peek(1) == Some(b'*') => self.block_comment()?,
                b'$' if postgres => self.dollar()?,
                b'$' if mysql => self.word()?,
                b'?' if mysql => return Err(self.positional(byte)),
                b'$' | b'@' | b'?' | b'#' if sqlite => return Err(self.positional(byte)),
                b':' => self.colon()?,
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

    fn positional(&self, byte: u8) -> String {
        let (sign, at) = (byte as char, self.at);
        format!("`{sign}` at byte {at} is a positional parameter: write `:name` and bind by name")
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// A literal or a quoted name, from its opening quote to its closing one, which stands for itself when doubled.
    fn quoted(&mut self, close: u8, backslash: bool) -> Result<(), String> {
        let start = self.at;
        let open = self.bytes[start];
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
        // MySQL's `"` holds a value, unless a mode makes it hold a name: then a name is not shown.
        if open == b'\'' || (open == b'"' && self.dialect == Dialect::MySql) {
            self.literals.push(start..self.at.min(self.bytes.len()));
        }
        self.before = Before::Operand;
        self.statement_begins = false;
        Ok(())
    }

    /// MySQL takes two dashes for two minus signs unless a blank follows.
    fn begins_line_comment(&self) -> bool {
        let blank = |byte: u8| byte.is_ascii_whitespace() || byte.is_ascii_control();
        self.peek(1) == Some(b'-') && (self.dialect != Dialect::MySql || self.peek(2).is_none_or(blank))
    }

    fn begins_hint(&self) -> bool {
        self.text[self.at..].starts_with("/*!") || self.text[self.at..].starts_with("/*M!")
    }

    /// A comment that is read as part of the statement, all of it or from a version of the server on. What is in it is
    /// read here too; only its brackets are not.
    fn hint(&mut self) {
        self.hints += 1;
        self.at += if self.peek(2) == Some(b'M') { 4 } else { 3 };
        while self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    /// Postgres nests block comments; the others do not, and SQLite lets the end of the text close one.
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
            _ => Err(format!("the comment opened at byte {start} is never closed")),
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
        self.literals.push(start..self.at);
        self.before = Before::Operand;
        Ok(())
    }

    fn colon(&mut self) -> Result<(), String> {
        let start = self.at;
        if let Some(b':' | b'=') = self.peek(1) {
            self.at += 2;
            self.before = Before::Other;
            return Ok(());
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
            return Ok(());
        }
        let name = &self.text[start + 1..=start + name];
        self.out.push_str(&self.text[self.copied..start]);
        self.at = start + 1 + name.len();
        self.copied = self.at;
        self.before = Before::Operand;
        self.statement_begins = false;
        match self.lists.iter().find(|(list, _)| *list == name) {
            Some(&(_, places)) if self.is_in_brackets_of_in(start) => return self.list(name, places),
            Some(_) if self.dialect != Dialect::Postgres => {
                return Err(format!("a list is bound to `:{name}`: it can only stand in `in (:{name})`"));
            }
            _ => {}
        }
        let in_list = |place: usize| self.spread.iter().any(|places| places.contains(&place));
        let known = (0..self.parameters.len())
            .filter(|_| self.numbers())
            .find(|place| *self.parameters[*place] == *name && !in_list(*place));
        let place = known.unwrap_or_else(|| {
            self.parameters.push(name.into());
            self.parameters.len() - 1
        });
        self.placeholder(place);
        Ok(())
    }

    /// A keyword, name or number; also the prefix of an escape string.
    fn word(&mut self) -> Result<(), String> {
        let start = self.at;
        // No number of Postgres' holds a `$`.
        let dollars = self.dialect != Dialect::Postgres || !self.bytes[start].is_ascii_digit();
        while self.peek(0).is_some_and(|byte| is_word(byte) || (dollars && byte == b'$')) {
            self.at += 1;
        }
        self.last_word = start..self.at;
        let word = &self.text[start..self.at];
        if self.dialect == Dialect::Postgres && word.eq_ignore_ascii_case("e") && self.peek(0) == Some(b'\'')
        {
            self.quoted(b'\'', true)?;
            while let Some(quote) = self.continues() {
                self.at = quote;
                self.quoted(b'\'', true)?;
            }
            return Ok(());
        }
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            self.literals.push(start..self.at);
        }
        let among =
            |list: &[&'static str]| list.iter().copied().find(|known| word.eq_ignore_ascii_case(known));
        self.writes |= among(WRITING).is_some();
        if self.dialect == Dialect::MySql {
            // What is temporary is made and dropped without a commit.
            if self.making && word.eq_ignore_ascii_case("temporary") {
                self.commits = None;
            }
            self.making = among(&["create", "drop", "replace"]).is_some();
            if self.first_word == Some("set") && word.eq_ignore_ascii_case("autocommit") {
                self.control = self.control.or(Some("set autocommit"));
            }
        }
        if self.control == Some("rollback") && word.eq_ignore_ascii_case("to") {
            self.control = Some(ROLLBACK_TO);
        }
        if self.statement_begins {
            self.statement_begins = false;
            self.statements += 1;
            let mysql = self.dialect == Dialect::MySql;
            let control = among(CONTROL).or(among(CONTROL_MYSQL).filter(|_| mysql));
            self.commits = self.commits.or(among(COMMITTING).filter(|_| mysql));
            match self.first_word {
                None => {
                    self.operation = among(OPERATIONS);
                    // The body of a trigger or function has a `begin`, an `end` and semicolons of its own: hence `create`.
                    self.first_word = Some(among(READING).or(among(&["create", "set"])).unwrap_or("other"));
                    self.control = control;
                }
                Some("create") => {}
                Some(_) => {
                    self.operation = None;
                    // What follows the first statement may write all the same.
                    self.writes |= among(READING).is_none();
                    self.control = self.control.or(control);
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
