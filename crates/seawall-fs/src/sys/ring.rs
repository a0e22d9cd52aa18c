//! Reads by `io_uring`: one thread drives a ring (Axboe, "Efficient IO with `io_uring`", 2019) that has many of them
//! under way without a thread for each.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use bytes::BytesMut;
use io_uring::{IoUring, opcode, types};
use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::oneshot;

/// The kernel's own threads for what a ring cannot do without waiting; without a limit there could be thousands.
const HELPERS: u32 = 16;

/// The number of the read that wakes the ring's thread.
const WAKE: u64 = u64::MAX;

/// A ring and its thread, which ends when this is dropped and nothing is under way any more.
pub(crate) struct Ring {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: OwnedFd,
}

#[derive(Default)]
struct Queue {
    reads: VecDeque<Read>,
    /// Whether the thread has to be woken.
    asleep: bool,
    closed: bool,
    /// Whether the thread is gone.
    broken: bool,
}

/// One read. It owns its file and its memory until the kernel is done with them, whoever has gone meanwhile.
struct Read {
    file: Arc<File>,
    buffer: BytesMut,
    count: u32,
    offset: u64,
    reply: oneshot::Sender<Done>,
}

/// The buffer, with what was read behind what it held, and how much that is.
pub(crate) type Done = (BytesMut, io::Result<usize>);

impl Ring {
    /// A ring with at most so many reads under way. Containers refuse it (`EPERM`), old kernels do not have it.
    pub(crate) fn start(most: u32) -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let shared = Arc::new(Shared { queue: Mutex::default(), wake });
        let (tell, told) = std::sync::mpsc::channel();
        let its = Arc::clone(&shared);
        // The ring is made by the thread that uses it: it is the only one that may.
        thread::Builder::new().name("seawall-fs-ring".to_owned()).spawn(move || match make(most) {
            Ok(ring) => {
                let _starter_waits = tell.send(Ok(()));
                Driver::new(ring, its, most as usize).run();
            }
            Err(cause) => {
                let _starter_waits = tell.send(Err(cause));
            }
        })?;
        told.recv().map_err(io::Error::other)??;
        Ok(Self { shared })
    }

    /// Reads at most `count` bytes behind what `buffer` holds. `None` if the ring does not work any more.
    pub(crate) fn read(
        &self,
        file: Arc<File>,
        mut buffer: BytesMut,
        count: u32,
        offset: u64,
    ) -> Option<oneshot::Receiver<Done>> {
        buffer.reserve(count as usize);
        let (reply, answer) = oneshot::channel();
        let mut queue = self.shared.lock();
        if queue.broken {
            return None;
        }
        queue.reads.push_back(Read { file, buffer, count, offset, reply });
        if std::mem::take(&mut queue.asleep) {
            drop(queue);
            self.shared.wake();
        }
        Some(answer)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake();
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("queued", &self.shared.lock().reads.len()).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // It fails only when it was told as often as a number can hold.
        let _woken_already = rustix::io::write(self.wake.as_fd(), &1_u64.to_ne_bytes());
    }
}

fn make(most: u32) -> io::Result<IoUring> {
    // One more for the read that wakes.
    let entries = (most + 1).next_power_of_two();
    let ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .build(entries)
        // Before Linux 6.1.
        .or_else(|_| IoUring::new(entries))?;
    // Linux 5.15; before, the kernel has a limit of its own.
    let _limited = ring.submitter().register_iowq_max_workers(&mut [HELPERS, HELPERS]);
    Ok(ring)
}

/// What the thread has.
struct Driver {
    ring: IoUring,
    shared: Arc<Shared>,
    under_way: Vec<Option<Read>>,
    free: Vec<usize>,
}

impl Driver {
    fn new(ring: IoUring, shared: Arc<Shared>, most: usize) -> Self {
        let under_way = (0..most).map(|_| None).collect();
        Self { ring, shared, under_way, free: (0..most).collect() }
    }

    fn run(&mut self) {
        self.await_wake();
        loop {
            let closed = self.begin();
            if closed && self.free.len() == self.under_way.len() {
                return;
            }
            match self.ring.submit_and_wait(1) {
                Ok(_) => {}
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                // Out of memory for a moment, perhaps; what has ended is taken first.
                Err(cause) if cause.raw_os_error() == Some(libc::EBUSY) => {}
                // Nothing can be asked of it any more; what follows from that is done when this is dropped.
                Err(_) => return,
            }
            if !self.end() {
                return;
            }
        }
    }

    /// Begins what is queued, as much as there is room for. Says whether the ring is to end.
    fn begin(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.lock();
        while let Some(place) = self.free.pop() {
            let Some(read) = queue.reads.pop_front() else {
                self.free.push(place);
                break;
            };
            self.push(place, read);
        }
        queue.asleep = true;
        queue.closed && queue.reads.is_empty()
    }

    fn push(&mut self, place: usize, read: Read) {
        let read = self.under_way[place].insert(read);
        let spare = read.buffer.spare_capacity_mut().as_mut_ptr().cast();
        let entry =
            opcode::Read::new(types::Fd(read.file.as_raw_fd()), spare, read.count).offset(read.offset);
        let entry = entry.build().user_data(place as u64);
        #[expect(unsafe_code, reason = "the kernel writes to memory that the entry only points to")]
        // SAFETY: the spare capacity is at least `count` long, and it and the file stay where they are, untouched, in
        // `under_way` until the completion is taken in `end`; where that never comes, the driver leaks them.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.expect("there are more entries than places");
    }

    /// Asks to be told when the queue was filled.
    fn await_wake(&mut self) {
        let wake = types::Fd(self.shared.wake.as_raw_fd());
        let entry = opcode::PollAdd::new(wake, libc::POLLIN as u32).build().user_data(WAKE);
        #[expect(unsafe_code, reason = "every entry is pushed so")]
        // SAFETY: it points to no memory, and the descriptor is the driver's for as long as the ring is.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.expect("there is an entry for it beside those of all places");
    }

    /// Tells those whose reads are over; `false` if the thread could not be woken any more.
    fn end(&mut self) -> bool {
        let ended: Vec<_> = self.ring.completion().map(|entry| (entry.user_data(), entry.result())).collect();
        for (number, result) in ended {
            if number == WAKE {
                if result < 0 {
                    return false;
                }
                // Reading sets it back.
                let _again = rustix::io::read(self.shared.wake.as_fd(), &mut [0; 8]);
                self.await_wake();
                continue;
            }
            let place = number as usize;
            let Some(Read { mut buffer, reply, .. }) = self.under_way[place].take() else { continue };
            self.free.push(place);
            let read = usize::try_from(result).map_err(|_negative| io::Error::from_raw_os_error(-result));
            if let Ok(read) = read {
                let length = buffer.len() + read;
                #[expect(unsafe_code, reason = "says that the kernel has initialised what it has written")]
                // SAFETY: the completion says that so many bytes were written behind those that were there.
                unsafe {
                    buffer.set_len(length);
                }
            }
            // Who has gone does not want it.
            let _gone = reply.send((buffer, read));
        }
        true
    }
}

impl Drop for Driver {
    /// However the thread ended, by a panic too, those who wait are told by the end of their channels, and read
    /// otherwise.
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.broken = true;
        let stranded = std::mem::take(&mut queue.reads);
        drop(queue);
        // Not under the lock, since it wakes those who wait.
        drop(stranded);
        // There are none unless the ring broke or something panicked. The kernel may write to these still.
        self.under_way.drain(..).flatten().for_each(|read| std::mem::forget((read.buffer, read.file)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None` where the system does not let anybody have a ring, which it must say so.
    fn ring(most: u32) -> Option<Ring> {
        match Ring::start(most) {
            Ok(ring) => Some(ring),
            Err(cause) => {
                let refused = [libc::EPERM, libc::ENOSYS, libc::EACCES, libc::ENOMEM];
                assert!(refused.map(Some).contains(&cause.raw_os_error()), "{cause}");
                None
            }
        }
    }

    fn file(length: usize) -> (Arc<File>, Vec<u8>) {
        let content: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, &content).unwrap();
        (Arc::new(file), content)
    }

    #[tokio::test]
    async fn more_reads_than_there_are_places_are_all_answered_with_their_own_bytes() {
        let Some(ring) = ring(4) else { return };
        let (file, content) = file(100_000);
        let reads: Vec<_> = (0..500_usize)
            .map(|number| {
                (
                    number * 199,
                    ring.read(Arc::clone(&file), BytesMut::from(&[7][..]), 100, number as u64 * 199).unwrap(),
                )
            })
            .collect();
        for (offset, answer) in reads {
            let (buffer, read) = answer.await.unwrap();
            assert_eq!(read.unwrap(), 100);
            assert_eq!((buffer[0], &buffer[1..]), (7, &content[offset..offset + 100]));
        }
    }

    #[tokio::test]
    async fn the_end_of_a_file_and_an_error_are_told() {
        let Some(ring) = ring(4) else { return };
        let (file, _) = file(10);
        assert_eq!(
            ring.read(Arc::clone(&file), BytesMut::new(), 100, 4).unwrap().await.unwrap().1.unwrap(),
            6
        );
        assert_eq!(ring.read(file, BytesMut::new(), 100, 10).unwrap().await.unwrap().1.unwrap(), 0);
        let directory = Arc::new(File::open("/").unwrap());
        let (_, read) = ring.read(directory, BytesMut::new(), 100, 0).unwrap().await.unwrap();
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }

    #[tokio::test]
    async fn reads_under_way_outlive_those_who_wait_and_the_ring() {
        let Some(ring) = ring(2) else { return };
        let (file, content) = file(1 << 20);
        for _ in 0..50 {
            drop(ring.read(Arc::clone(&file), BytesMut::new(), 1 << 20, 0));
        }
        let last = ring.read(Arc::clone(&file), BytesMut::new(), 1 << 20, 0).unwrap();
        drop(ring);
        assert!(last.await.unwrap().0 == content);
        // The thread lets go of the file when it ends.
        while Arc::strong_count(&file) > 1 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn those_who_wait_when_the_thread_panics_are_told_and_nobody_waits_after_that() {
        let Ok(io_uring) = make(2) else { return };
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap();
        let ring = Ring { shared: Arc::new(Shared { queue: Mutex::default(), wake }) };
        let (file, _) = file(10);
        let waiting: Vec<_> =
            (0..5).map(|_| ring.read(Arc::clone(&file), BytesMut::new(), 10, 0).unwrap()).collect();
        let its = Arc::clone(&ring.shared);
        let thread = thread::spawn(move || {
            // Two of them are under way then, and three queued.
            Driver::new(io_uring, its, 2).begin();
            panic!("as any thread may");
        });
        thread.join().unwrap_err();
        for answer in waiting {
            answer.await.unwrap_err();
        }
        assert!(ring.read(file, BytesMut::new(), 10, 0).is_none());
    }
}
