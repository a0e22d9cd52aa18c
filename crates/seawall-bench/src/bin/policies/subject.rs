//! Whoever is measured: something that is called many times in a row, by one thread or by several at once.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tower::{Service, ServiceExt};

use crate::backend::FAILING;

/// Makes calls, one after the other. The loop is inside, so that nothing is called through a pointer but whole loops.
pub(crate) trait Work: Send {
    /// Makes so many calls, and says how many were answered.
    fn run(&mut self, calls: u64) -> u64;

    /// The same for another thread, sharing what clones share.
    fn fork(&self) -> Box<dyn Work>;
}

/// Somebody who is measured.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    refuses: bool,
    work: Box<dyn Fn() -> Box<dyn Work>>,
}

impl Subject {
    /// One service for all samples.
    pub(crate) fn service<S>(name: &'static str, service: S) -> Self
    where
        S: Service<u64> + Clone + Send + 'static,
    {
        let serving = Serving(service);
        Self { name, refuses: false, work: Box::new(move || serving.fork()) }
    }

    /// A new service for each sample: for those whose cost grows with the calls they remember.
    pub(crate) fn anew<S>(name: &'static str, make: impl Fn() -> S + 'static) -> Self
    where
        S: Service<u64> + Clone + Send + 'static,
    {
        Self { name, refuses: false, work: Box::new(move || Box::new(Serving(make()))) }
    }

    /// A service that has seen so many failures that it refuses.
    pub(crate) fn tripped<S>(name: &'static str, mut service: S) -> Self
    where
        S: Service<u64> + Clone + Send + 'static,
    {
        in_runtime(async {
            for _ in 0..200 {
                if let Ok(ready) = service.ready().await {
                    drop(ready.call(FAILING).await);
                }
            }
        });
        Self { refuses: true, ..Self::service(name, service) }
    }

    /// A function of the number of the call, which says whether it was answered.
    pub(crate) fn function(
        name: &'static str,
        call: impl FnMut(u64) -> bool + Clone + Send + 'static,
    ) -> Self {
        let calling = Calling(call);
        Self { name, refuses: false, work: Box::new(move || calling.fork()) }
    }

    /// How many of so many calls it answers: all, or none. Anything else is not what is to be measured.
    pub(crate) fn expected(&self, calls: u64) -> u64 {
        if self.refuses { 0 } else { calls }
    }

    pub(crate) fn work(&self) -> Box<dyn Work> {
        (self.work)()
    }
}

/// Runs a future to its end on this thread, with a runtime at hand for timers.
///
/// Not within the runtime: it would yield to itself after every so many calls, and make a system call each time a
/// future is pending, which costs more than most layers do.
pub(crate) fn in_runtime<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build();
        let runtime = runtime.expect("a runtime can be built");
        // As in a busy server, some timer always ends before those of the calls: else each of theirs would wake the
        // runtime, for a microsecond.
        runtime.spawn(async {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        runtime
    });
    let _entered = runtime.enter();
    futures_executor::block_on(future)
}

struct Serving<S>(S);

impl<S> Work for Serving<S>
where
    S: Service<u64> + Clone + Send + 'static,
{
    fn run(&mut self, calls: u64) -> u64 {
        in_runtime(async {
            let mut answered = 0;
            for request in 0..calls {
                if let Ok(service) = self.0.ready().await {
                    answered += u64::from(black_box(service.call(black_box(request)).await).is_ok());
                }
            }
            answered
        })
    }

    fn fork(&self) -> Box<dyn Work> {
        Box::new(Self(self.0.clone()))
    }
}

struct Calling<F>(F);

impl<F: FnMut(u64) -> bool + Clone + Send + 'static> Work for Calling<F> {
    fn run(&mut self, calls: u64) -> u64 {
        (0..calls).map(|call| u64::from(black_box((self.0)(black_box(call))))).sum()
    }

    fn fork(&self) -> Box<dyn Work> {
        Box::new(Self(self.0.clone()))
    }
}
