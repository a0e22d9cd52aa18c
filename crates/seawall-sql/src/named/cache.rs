use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::DefaultHashBuilder;

use super::{Compiled, Dialect, compile_lists};

/// How many texts are kept. A program has fewer; one that builds its texts at run time must not fill the memory.
const CAPACITY: usize = 1024;

/// Compiled texts by what was written.
#[derive(Debug)]
pub(crate) struct CompiledCache {
    dialect: Dialect,
    texts: RwLock<HashMap<Box<str>, Arc<Compiled>, DefaultHashBuilder>>,
}

impl CompiledCache {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, texts: RwLock::default() }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The compiled form of `text`.
    pub(crate) fn of(&self, text: &str) -> Result<Arc<Compiled>, String> {
        self.of_lists(text, &[])
    }

    /// The same, if it was compiled before.
    pub(crate) fn known(&self, text: &str) -> Option<Arc<Compiled>> {
        self.texts.read().unwrap_or_else(PoisonError::into_inner).get(text).map(Arc::clone)
    }

    /// The same where lists are bound to names; how long a list is makes another text.
    pub(crate) fn of_lists(&self, text: &str, lists: &[(&str, usize)]) -> Result<Arc<Compiled>, String> {
        if lists.is_empty() {
            return self.known_as(text, text, lists);
        }
        let mut key = text.to_owned();
        for (name, places) in lists {
            // No text that can be read holds a NUL.
            write!(key, "\0{places}:{name}").expect("writing into a string cannot fail");
        }
        self.known_as(&key, text, lists)
    }

    fn known_as(&self, key: &str, text: &str, lists: &[(&str, usize)]) -> Result<Arc<Compiled>, String> {
        if let Some(known) = self.known(key) {
            return Ok(known);
        }
        let compiled = Arc::new(compile_lists(text, self.dialect, lists)?);
        let mut texts = self.texts.write().unwrap_or_else(PoisonError::into_inner);
        // Starting over is simpler than an order of use and costs a microsecond a text.
        if texts.len() >= CAPACITY {
            texts.clear();
        }
        texts.insert(key.into(), Arc::clone(&compiled));
        Ok(compiled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_bounded_however_many_texts_it_sees() {
        let cache = CompiledCache::new(Dialect::Sqlite);
        for number in 0..3 * CAPACITY {
            cache.of(&format!("select {number}")).unwrap();
        }
        assert!(cache.texts.read().unwrap().len() <= CAPACITY);
    }

    #[test]
    fn compiles_a_text_once() {
        let cache = CompiledCache::new(Dialect::Sqlite);
        assert!(Arc::ptr_eq(&cache.of("select :a").unwrap(), &cache.of("select :a").unwrap()));
    }
}
