//! A connection that many share, and the task that drives it.
//!
//! The driver's task writes whatever is there as soon as it is woken, and tokio runs what a task wakes right after it: of
//! many callers who are ready to send, the first would have its command written alone. So where several calls are under
//! way, the task lets everybody go first who is ready to run already, each time it is woken, and writes all that they ask
//! for at once.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use futures_util::future::select_ok;
use pin_project_lite::pin_project;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::SockRef;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisResult};
use seawall_tower::Sharded;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_util::task::AbortOnDropHandle;

/// A connection, which closes when its last clone is gone.
#[derive(Clone)]
pub(crate) struct Multiplexed {
    /// Lives no longer than this whole.
    pub(crate) connection: MultiplexedConnection,
    pub(crate) crowd: Crowd,
    _task: Option<Arc<AbortOnDropHandle<()>>>,
}

impl Multiplexed {
    /// Connects and logs in. The caller sees to the time it may take.
    pub(crate) async fn open(
        info: &ConnectionInfo,
        settings: AsyncConnectionConfig,
        crowd: Crowd,
    ) -> RedisResult<Self> {
        match info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                let stream = tcp(host, *port, info.tcp_settings()).await?;
                Self::over(stream, info, settings, crowd).await
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                Self::over(tokio::net::UnixStream::connect(path).await?, info, settings, crowd).await
            }
            // TLS is the driver's to speak, and then its task is its own too.
            _ => {
                let client = Client::open(info.clone())?;
                let connection = client.get_multiplexed_async_connection_with_config(&settings).await?;
                Ok(Self { connection, crowd, _task: None })
            }
        }
    }

    async fn over<S>(
        stream: S,
        info: &ConnectionInfo,
        settings: AsyncConnectionConfig,
        crowd: Crowd,
    ) -> RedisResult<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (connection, driver) =
            MultiplexedConnection::new_with_config(info.redis_settings(), stream, settings).await?;
        let patient = Patient { driver, crowd: crowd.clone(), has_waited: false };
        let task = AbortOnDropHandle::new(tokio::spawn(patient));
        Ok(Self { connection, crowd, _task: Some(Arc::new(task)) })
    }
}

/// How many calls are under way over the shared connections to a server, counted by each thread where no other counts.
#[derive(Clone, Default)]
pub(crate) struct Crowd(Arc<Sharded<AtomicUsize>>);

impl Crowd {
    pub(crate) fn enter(&self) {
        self.0.own().fetch_add(1, Relaxed);
    }

    /// A call may end on another thread than it began on, so that only all counts together mean something.
    pub(crate) fn leave(&self) {
        self.0.own().fetch_sub(1, Relaxed);
    }

    /// About, as the threads go on counting.
    pub(crate) fn size(&self) -> usize {
        let sum = self.0.iter().fold(0, |sum: usize, count| sum.wrapping_add(count.load(Relaxed)));
        sum.cast_signed().max(0).cast_unsigned()
    }

    fn is_several(&self) -> bool {
        self.size() > 1
    }
}

/// Whichever address of the host answers first, as the driver does it.
async fn tcp(host: &str, port: u16, settings: &TcpSettings) -> io::Result<TcpStream> {
    let attempts: Vec<_> =
        lookup_host((host, port)).await?.map(|address| Box::pin(TcpStream::connect(address))).collect();
    if attempts.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
    }
    let (stream, _) = select_ok(attempts).await?;
    stream.set_nodelay(settings.nodelay())?;
    if let Some(keepalive) = settings.keepalive() {
        SockRef::from(&stream).set_tcp_keepalive(keepalive)?;
    }
    Ok(stream)
}

pin_project! {
    /// Drives a connection after all who are ready to run when it is woken: a task that wakes itself goes to the end of the
    /// queue. A single caller it does not keep waiting, because tokio wakes another thread for what is in the queue.
    struct Patient<F> {
        #[pin]
        driver: F,
        crowd: Crowd,
        has_waited: bool,
    }
}

impl<F: Future> Future for Patient<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        *this.has_waited = !*this.has_waited && this.crowd.is_several();
        if *this.has_waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.driver.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::{Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// How often the driver was polled, and its task woken, after each of four polls of the task.
    fn polled(crowd: &Crowd) -> Vec<(usize, usize)> {
        let (woken, polls) = (Arc::<Wakes>::default(), AtomicUsize::new(0));
        let driver = poll_fn(|_| {
            polls.fetch_add(1, Relaxed);
            Poll::<()>::Pending
        });
        let mut patient = std::pin::pin!(Patient { driver, crowd: crowd.clone(), has_waited: false });
        let waker = Waker::from(Arc::clone(&woken));
        let mut poll = || {
            assert!(patient.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            (polls.load(Relaxed), woken.0.load(Relaxed))
        };
        (0..4).map(|_| poll()).collect()
    }

    #[test]
    fn where_several_calls_are_under_way_the_others_go_first_each_time_it_is_woken() {
        let crowd = Crowd::default();
        crowd.enter();
        crowd.enter();
        assert_eq!(polled(&crowd), [(0, 1), (1, 1), (1, 2), (2, 2)]);
    }

    #[test]
    fn a_single_caller_is_not_kept_waiting_on_whatever_thread_the_others_ended() {
        let crowd = Crowd::default();
        crowd.enter();
        crowd.enter();
        std::thread::scope(|scope| scope.spawn(|| crowd.leave()).join().expect("it does not panic"));
        assert_eq!(polled(&crowd), [(1, 0), (2, 0), (3, 0), (4, 0)]);
    }
}
