use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::TableSchema;
use crate::schema::Declared;

/// How many tables are remembered.
const CAPACITY: usize = 1024;

/// What the tables that rows went to were made of when somebody looked.
///
/// They may have changed since, so whoever relies on it has the server compare: see
/// [`Target::unless_changed`](super::Target::unless_changed).
#[derive(Default)]
pub(crate) struct Tables(Mutex<HashMap<Box<str>, Arc<Table>>>);

pub(super) struct Table {
    pub(super) schema: TableSchema,
    pub(super) declared: Declared,
}

impl Tables {
    pub(super) fn recall(&self, name: &str) -> Option<Arc<Table>> {
        self.known().get(name).map(Arc::clone)
    }

    pub(super) fn remember(&self, schema: &TableSchema, declared: &Declared) {
        let mut known = self.known();
        if known.len() >= CAPACITY {
            known.clear();
        }
        let table = Table { schema: schema.clone(), declared: declared.clone() };
        known.insert(schema.name.as_str().into(), Arc::new(table));
    }

    pub(super) fn forget(&self, name: &str) {
        self.known().remove(name);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Table>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
