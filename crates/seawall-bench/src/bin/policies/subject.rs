//! Whoever is measured: something that is called many times in a row, by one thread or by several at once.

use std::hint::black_box;

use tower::{Service, ServiceExt};

use crate::backend::FAILING;
use crate::executor::in_runtime;

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
