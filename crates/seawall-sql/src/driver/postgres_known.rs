use std::collections::HashMap;
use std::sync::Arc;

use sqlx::postgres::{PgRow, PgTypeInfo};
use sqlx::{Column, Row as _};

/// How many statements are remembered. A program has fewer; more than that start over.
const CAPACITY: usize = 1024;

/// The statements that one connection has prepared: which types the server gave to their parameters, and what their
/// columns are called.
///
/// They are known by where their text lies, and keep it there.
#[derive(Default)]
pub(crate) struct KnownStatements(HashMap<usize, KnownStatement>);

struct KnownStatement {
    _text: Arc<str>,
    types: Arc<[PgTypeInfo]>,
    columns: Arc<[String]>,
}

impl KnownStatements {
    pub(super) fn types(&self, text: &Arc<str>) -> Option<Arc<[PgTypeInfo]>> {
        self.0.get(&place(text)).map(|known| Arc::clone(&known.types))
    }

    /// Takes note of a statement, unless it is known.
    pub(super) fn learn(&mut self, text: &Arc<str>, types: &[PgTypeInfo]) {
        if self.0.contains_key(&place(text)) {
            return;
        }
        if self.0.len() >= CAPACITY {
            self.0.clear();
        }
        let known = KnownStatement { _text: Arc::clone(text), types: types.into(), columns: Arc::default() };
        self.0.insert(place(text), known);
    }

    /// Forgets a statement with which something went wrong: what is known of it may not be so any more.
    pub(super) fn forget(&mut self, text: &Arc<str>) {
        self.0.remove(&place(text));
    }

    /// The names of the columns of a row. They may have changed: a statement can be planned anew.
    pub(super) fn columns(&mut self, text: &Arc<str>, row: &PgRow) -> Arc<[String]> {
        let Some(known) = self.0.get_mut(&place(text)) else { return names(row) };
        let columns = row.columns();
        let same = columns.len() == known.columns.len()
            && columns.iter().zip(&*known.columns).all(|(column, known)| column.name() == known);
        if !same {
            known.columns = names(row);
        }
        Arc::clone(&known.columns)
    }
}

pub(super) fn names(row: &PgRow) -> Arc<[String]> {
    row.columns().iter().map(|column| column.name().to_owned()).collect()
}

fn place(text: &Arc<str>) -> usize {
    text.as_ptr().addr()
}
