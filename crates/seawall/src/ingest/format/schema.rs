use seawall_sql::{Column, ColumnType};

use super::FormatError;

/// Words that follow a type in `create table`, but are not part of it.
const CONSTRAINTS: &[&str] = &[
    "not",
    "null",
    "primary",
    "unique",
    "default",
    "references",
    "check",
    "generated",
    "collate",
    "constraint",
];

/// Reads columns as `create table` writes them: `id integer, ts timestamptz, price numeric(10,2), "my note" text`.
///
/// | SQL type | column type |
/// |---|---|
/// | `integer`, `int`, `bigint`, `smallint`, `int2`, `int4`, `int8` | integer |
/// | `real`, `double`, `double precision`, `float`, `float4`, `float8` | real |
/// | `boolean`, `bool` | boolean |
/// | `timestamp`, `timestamptz`, both `with time zone` too | timestamp |
/// | `text`, `varchar`, `character varying`, `string` | text |
/// | any other, with lengths and the like | other, under its name |
///
/// # Errors
/// [`FormatError::Schema`] says at which character what is wrong. Constraints are refused: they belong to a table
/// that is created before.
pub fn parse_columns(text: &str) -> Result<Vec<Column>, FormatError> {
    let mut parser = Parser { text, at: 0 };
    let mut columns: Vec<Column> = Vec::new();
    loop {
        parser.skip_space();
        let start = parser.at;
        let name = parser.name()?;
        if columns.iter().any(|column| column.name.eq_ignore_ascii_case(&name)) {
            return Err(parser.error(start, format!("column `{name}` comes twice (letter case aside)")));
        }
        let column_type = parser.column_type(&name)?;
        columns.push(Column { name, column_type });
        if parser.rest().is_empty() {
            return Ok(columns);
        }
        parser.at += 1; // the comma that ended the type
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn error(&self, at: usize, problem: impl Into<String>) -> FormatError {
        FormatError::Schema { at: self.text[..at].chars().count() + 1, problem: problem.into() }
    }

    fn name(&mut self) -> Result<String, FormatError> {
        let start = self.at;
        if let Some(quoted) = self.rest().strip_prefix('"') {
            return self.quoted_name(quoted);
        }
        let rest = self.rest();
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '$');
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.error(start, "a column name is missing"));
        }
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    /// Reads a name up to its closing quote; two quotes stand for one.
    fn quoted_name(&mut self, quoted: &str) -> Result<String, FormatError> {
        let start = self.at;
        let mut name = String::new();
        let mut chars = quoted.char_indices();
        while let Some((offset, c)) = chars.next() {
            if c != '"' {
                name.push(c);
            } else if quoted[offset + 1..].starts_with('"') {
                name.push('"');
                chars.next();
            } else if name.is_empty() {
                return Err(self.error(start, "a column name is empty"));
            } else {
                self.at += offset + 2;
                return Ok(name);
            }
        }
        Err(self.error(start, "the quote before a column name is never closed"))
    }

    fn column_type(&mut self, column: &str) -> Result<ColumnType, FormatError> {
        self.skip_space();
        let (start, rest) = (self.at, self.rest());
        let mut depth = 0_usize;
        let end = rest.find(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        });
        let words = &rest[..end.unwrap_or(rest.len())];
        self.at += words.len();
        // The name of a type goes into SQL as it is: nothing else may stand there.
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ' | '(' | ')' | ',' | '[' | ']' | '.');
        if let Some(bad) = words.find(|c| !allowed(c)) {
            let c = words[bad..].chars().next().unwrap_or_default();
            return Err(self.error(start + bad, format!("{c:?} cannot be part of a type")));
        }
        if words.matches('(').count() != words.matches(')').count() {
            return Err(self.error(start, format!("the parentheses in the type of `{column}` do not match")));
        }
        let name = words.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(self.error(start, format!("column `{column}` lacks a type")));
        }
        for word in name.split(' ') {
            if CONSTRAINTS.iter().any(|constraint| word.eq_ignore_ascii_case(constraint)) {
                let at = start + words.find(word).unwrap_or(0);
                let advice = "constraints do not belong here, create the table with them first";
                return Err(self.error(at, format!("`{word}`: {advice}")));
            }
        }
        Ok(type_named(name))
    }
}

fn type_named(name: String) -> ColumnType {
    match name.to_ascii_lowercase().as_str() {
        "integer" | "int" | "bigint" | "smallint" | "int2" | "int4" | "int8" => ColumnType::Integer,
        "real" | "double" | "double precision" | "float" | "float4" | "float8" => ColumnType::Real,
        "boolean" | "bool" => ColumnType::Boolean,
        "timestamp" | "timestamptz" | "timestamp with time zone" => ColumnType::Timestamp,
        "text" | "varchar" | "character varying" | "string" => ColumnType::Text,
        _ => ColumnType::Other(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_as_create_table_writes_them() {
        let columns = parse_columns(
            "id integer, ts TIMESTAMPTZ,price numeric(10, 2), \"my \"\"note\"\"\" double  precision ",
        )
        .unwrap();
        let shown: Vec<_> =
            columns.iter().map(|column| format!("{} {}", column.name, column.column_type)).collect();
        assert_eq!(shown, ["id integer", "ts timestamp", "price numeric(10, 2)", "my \"note\" real"]);
    }

    #[test]
    fn errors_say_where_and_what() {
        for (text, message) in [
            ("", "schema: a column name is missing at character 1"),
            ("id", "schema: column `id` lacks a type at character 3"),
            ("ü int, id", "schema: column `id` lacks a type at character 10"),
            ("id int,", "schema: a column name is missing at character 8"),
            ("id int, ID text", "schema: column `ID` comes twice (letter case aside) at character 9"),
            ("id int); drop table x; --", "schema: ';' cannot be part of a type at character 8"),
            ("id int)", "schema: the parentheses in the type of `id` do not match at character 4"),
            ("\"id int", "schema: the quote before a column name is never closed at character 1"),
            (
                "id int not null",
                "schema: `not`: constraints do not belong here, create the table with them first at character 8",
            ),
        ] {
            assert_eq!(parse_columns(text).unwrap_err().to_string(), message);
        }
    }
}
