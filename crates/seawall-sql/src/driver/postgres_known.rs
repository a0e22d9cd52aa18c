use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use sqlx::postgres::{PgRow, PgTypeInfo};
use sqlx::{Column, Row as _};

/// How many statements are remembered. A program has fewer; more than that start over.
const CAPACITY: usize = 1024;

/// The statements that one connection has prepared.
///
/// They are known by where their text lies, and keep it there.
#[derive(Default)]
pub(crate) struct KnownStatements(HashMap<usize, KnownStatement, BuildHasherDefault<ByPlace>>);

/// Which types the server gave to a statement's parameters, and what its columns are called.
pub(super) struct KnownStatement {
    _text: Arc<str>,
    /// The same text for this connection alone: who counts its holders disturbs no other processor.
    pub(super) sql: Arc<str>,
    pub(super) types: Box<[PgTypeInfo]>,
    columns: Arc<[String]>,
}

impl KnownStatements {
    pub(super) fn of(&mut self, text: &Arc<str>) -> Option<&mut KnownStatement> {
        self.0.get_mut(&place(text))
    }

    /// Takes note of a statement, unless it is known.
    pub(super) fn learn(&mut self, text: &Arc<str>, types: &[PgTypeInfo]) {
        if self.0.contains_key(&place(text)) {
            return;
        }
        if self.0.len() >= CAPACITY {
            self.0.clear();
        }
        let (sql, columns) = (Arc::from(&**text), Arc::default());
        let known = KnownStatement { _text: Arc::clone(text), sql, types: types.into(), columns };
        self.0.insert(place(text), known);
    }

    /// Forgets a statement with which something went wrong: what is known of it may not be so any more.
    pub(super) fn forget(&mut self, text: &Arc<str>) {
        self.0.remove(&place(text));
    }
}

impl KnownStatement {
    /// The names of the columns of a row. They may have changed: a statement can be planned anew.
    pub(super) fn columns(&mut self, row: &PgRow) -> &Arc<[String]> {
        let columns = row.columns();
        let same = columns.len() == self.columns.len()
            && columns.iter().zip(&*self.columns).all(|(column, known)| column.name() == known);
        if !same {
            self.columns = names(row);
        }
        &self.columns
    }
}

pub(super) fn names(row: &PgRow) -> Arc<[String]> {
    row.columns().iter().map(|column| column.name().to_owned()).collect()
}

fn place(text: &Arc<str>) -> usize {
    text.as_ptr().addr()
}

/// Places in memory are as good as hashes once their bits are spread. Nobody can choose them.
#[derive(Default)]
pub(crate) struct ByPlace(u64);

impl Hasher for ByPlace {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize((*byte).into());
        }
    }

    fn write_usize(&mut self, place: usize) {
        // The constant of Fibonacci hashing: Knuth, The Art of Computer Programming 3, 6.4 (1973).
        self.0 = (self.0 ^ place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}
