use std::sync::{Mutex, MutexGuard, PoisonError};

use seawall_tower::PipelineService;

use crate::HttpBackend;
use crate::wire::Wire;

type Service = PipelineService<Wire, HttpBackend>;

/// In a box, because it goes into the future of a call and comes back out of it.
type Instance = Box<Service>;

/// The service of one authority, with the instances that calls have left behind for the next ones. A clone counts up what
/// every one of its layers shares, twenty counts that all threads pass to and fro, and down again when it is dropped.
pub(crate) struct Spares {
    original: Service,
    left_behind: Mutex<Vec<Instance>>,
}

impl Spares {
    /// More calls than these do not begin at once often enough.
    const MOST: usize = 64;

    pub(crate) const fn new(original: Service) -> Self {
        Self { original, left_behind: Mutex::new(Vec::new()) }
    }

    /// An instance that is not ready yet.
    pub(crate) fn take(&self) -> Instance {
        let spare = self.left_behind().pop();
        spare.unwrap_or_else(|| Instance::new(self.original.clone()))
    }

    /// Keeps an instance by which a call has been made, if that has spent all that it had reserved: if some layer has
    /// refused the call, those within still have their permits.
    pub(crate) fn leave_behind(&self, instance: Instance) {
        if !instance.get_ref().get_ref().was_called() {
            return;
        }
        let mut left_behind = self.left_behind();
        if left_behind.len() < Self::MOST {
            left_behind.push(instance);
        }
    }

    fn left_behind(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.left_behind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Arc;

    use http::Request;
    use seawall_core::FailureKind;
    use seawall_tower::{PipelineConfig, RetryConfig};

    use crate::outgoing::Outgoing;
    use crate::{Body, Http, HttpConfig};

    #[tokio::test]
    async fn an_instance_is_used_again_unless_its_call_was_refused_on_the_way() {
        let retry = RetryConfig { max_attempts: NonZeroU32::MIN, ..RetryConfig::default() };
        let pipeline = PipelineConfig { retry, ..PipelineConfig::default() };
        let http = Http::new(&HttpConfig { pipeline, ..HttpConfig::default() }, Arc::new(())).unwrap();
        // Nobody listens there.
        let url = "http://127.0.0.1:1/";
        let request = Outgoing::from(Request::get(url).body(Body::empty()).unwrap());
        let spares = http.standard().unwrap().services_for(&request).unwrap();
        for _ in 0..2 {
            assert_eq!(http.get(url).send().await.unwrap_err().kind(), FailureKind::Transient);
            assert_eq!(spares.left_behind().len(), 1);
        }
        http.breaker("http://127.0.0.1:1").unwrap().force_open();
        assert_eq!(http.get(url).send().await.unwrap_err().kind(), FailureKind::Refused);
        assert_eq!(spares.left_behind().len(), 0, "it was taken, and not kept");
    }
}
