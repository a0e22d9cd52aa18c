//! Lists with their placeholders, and strings that go on.

use std::fmt::Write;
use std::sync::Arc;

use super::{Dialect, Lexer};

impl Lexer<'_> {
    /// Whether what has just been read, from `start` on, is all that stands in the brackets of an `in`.
    pub(super) fn is_in_brackets_of_in(&self, start: usize) -> bool {
        let before = self.text[..start].trim_ascii_end().strip_suffix('(').map(str::trim_ascii_end);
        before.is_some_and(|before| {
            let word = &self.text[self.last_word.clone()];
            self.last_word.end == before.len() && word.eq_ignore_ascii_case("in")
        }) && self.text[self.at..].trim_ascii_start().starts_with(')')
    }

    /// A placeholder for each value of a list.
    pub(super) fn list(&mut self, name: &str, places: usize) -> Result<(), String> {
        if places == 0 {
            let instead = match self.dialect {
                Dialect::Postgres => format!(", or write `= any(:{name})`"),
                _ => String::new(),
            };
            return Err(format!(
                "the list bound to `:{name}` is empty, and nothing is `in ()`: leave the condition out{instead}"
            ));
        }
        let known = self.spread.iter().find(|known| *self.parameters[known.start] == *name);
        let known = known.filter(|_| self.numbers()).cloned();
        let range = known.unwrap_or_else(|| {
            let first = self.parameters.len();
            self.parameters.extend(std::iter::repeat_n(Arc::from(name), places));
            self.spread.push(first..first + places);
            first..first + places
        });
        for place in range.clone() {
            if place > range.start {
                self.out.push_str(", ");
            }
            self.placeholder(place);
        }
        Ok(())
    }

    /// Whether placeholders have numbers, so that a name is bound once however often it is used.
    pub(super) fn numbers(&self) -> bool {
        match self.dialect {
            Dialect::Postgres => true,
            // SQLite looks up the number of each of them in a list of all: half a minute for thirty thousand.
            Dialect::Sqlite => self.lists.is_empty(),
            Dialect::MySql => false,
        }
    }

    pub(super) fn placeholder(&mut self, place: usize) {
        let number = place + 1;
        match self.dialect {
            Dialect::Postgres => write!(self.out, "${number}"),
            Dialect::Sqlite if self.numbers() => write!(self.out, "?{number}"),
            Dialect::Sqlite | Dialect::MySql => write!(self.out, "?"),
        }
        .expect("writing into a string cannot fail");
    }

    /// Where a string of Postgres goes on that was closed here: at a quote on another line, with nothing but blanks and
    /// comments between. It goes on by the rules of its beginning, which matters for those of `E''`.
    pub(super) fn continues(&self) -> Option<usize> {
        let mut at = self.at;
        let mut lines = 0;
        loop {
            match self.bytes.get(at)? {
                b'\n' | b'\r' => lines += 1,
                byte if byte.is_ascii_whitespace() || *byte == 0x0b => {}
                b'-' if self.bytes.get(at + 1) == Some(&b'-') => {
                    at += self.bytes[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
                    continue;
                }
                b'\'' => return (lines > 0).then_some(at),
                _ => return None,
            }
            at += 1;
        }
    }
}
