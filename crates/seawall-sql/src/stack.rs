use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seawall_core::Error;
use tower::Service;
use tower::util::BoxCloneSyncService;

use crate::{Reply, Statement};

type Boxed = BoxCloneSyncService<Statement, Reply, Error>;

/// How many instances are kept for calls to come: more are seldom under way at a time.
const SPARES: usize = 64;

/// The service behind a client. Clones are the same.
///
/// A clone of a stack costs an allocation and a dozen counters, so an instance whose call was answered serves the next one.
/// One whose call failed, or was given up, is dropped: a layer may have refused it, and then those within still hold what
/// they had reserved for it.
#[derive(Clone)]
pub(crate) struct Stack {
    service: Boxed,
    spares: Arc<Mutex<Vec<Boxed>>>,
}

impl Stack {
    pub(crate) fn new(service: Boxed) -> Self {
        Self { service, spares: Arc::default() }
    }

    /// An instance of its own.
    pub(crate) fn service(&self) -> Boxed {
        self.service.clone()
    }

    pub(crate) async fn call(&self, statement: Statement) -> Result<Reply, Error> {
        let spare = self.spares().pop();
        let mut service = spare.unwrap_or_else(|| self.service());
        poll_fn(|cx| service.poll_ready(cx)).await?;
        let answer = service.call(statement).await?;
        self.keep(service);
        Ok(answer)
    }

    fn keep(&self, service: Boxed) {
        let mut spares = self.spares();
        if spares.len() < SPARES {
            spares.push(service);
        }
    }

    fn spares(&self) -> MutexGuard<'_, Vec<Boxed>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
