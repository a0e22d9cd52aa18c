use std::num::NonZeroU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::connection::{Changes, Connection, Ending};
use super::faults::{Direction, FaultKind};

const READ_SIZE: usize = 16 * 1024;
/// How many pieces may be under way: 1 MiB in each direction.
const QUEUE: usize = 64;

/// Carries one direction until its end has been passed on, or was lost, or the connection is cut.
pub(super) async fn pump(
    connection: &Connection,
    direction: Direction,
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
) -> Result<(), Ending> {
    // Reading and writing are apart so that latency delays bytes without slowing them: many pieces are under way.
    let (queue, pieces) = mpsc::channel(QUEUE);
    let writer =
        Writer { connection, direction, to, changes: connection.changes(), sent: 0, pace: Instant::now() };
    tokio::try_join!(read(connection, direction, from, queue), writer.run(pieces)).map(|_| ())
}

/// Bytes under way. An empty piece is the end of the stream.
struct Piece {
    bytes: Vec<u8>,
    read_at: Instant,
    // Which part of the jitter it gets, from 0 to 1.
    share: f64,
}

async fn read(
    connection: &Connection,
    direction: Direction,
    mut from: ReadHalf<'_>,
    queue: mpsc::Sender<Piece>,
) -> Result<(), Ending> {
    let mut rng = connection.rng(direction);
    let mut buffer = vec![0; READ_SIZE];
    let mut gap = false;
    loop {
        let count = from.read(&mut buffer).await?;
        let hole = connection.plan().hole(direction);
        if let Some(kind) = hole {
            connection.feel(kind);
            gap = true;
        }
        if !gap {
            let piece = Piece { bytes: buffer[..count].to_vec(), read_at: Instant::now(), share: rng.f64() };
            if queue.send(piece).await.is_err() {
                return Ok(());
            }
        }
        if count == 0 {
            return Ok(());
        }
    }
}

struct Writer<'a> {
    connection: &'a Connection,
    direction: Direction,
    to: WriteHalf<'a>,
    changes: Changes,
    sent: u64,
    /// When the bandwidth allows the next byte.
    pace: Instant,
}

impl Writer<'_> {
    async fn run(mut self, mut pieces: mpsc::Receiver<Piece>) -> Result<(), Ending> {
        loop {
            self.allowance()?;
            tokio::select! {
                // A change may cut a connection that is idle.
                () = self.changes.next() => {}
                piece = pieces.recv() => match piece {
                    Some(piece) => {
                        self.wait_until_due(&piece).await?;
                        if piece.bytes.is_empty() {
                            return Ok(self.to.shutdown().await?);
                        }
                        self.write(&piece.bytes).await?;
                    }
                    // The end was lost on the way: the receiver is not told.
                    None => return Ok(()),
                },
            }
        }
    }

    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Ending> {
        while !bytes.is_empty() {
            let allowed = bytes.len().min(usize::try_from(self.allowance()?).unwrap_or(usize::MAX));
            let (now, later) = bytes.split_at(self.wait_for_bandwidth(allowed).await);
            self.to.write_all(now).await?;
            self.sent += now.len() as u64;
            self.connection.counters.bytes(self.direction).fetch_add(now.len() as u64, Relaxed);
            bytes = later;
        }
        Ok(())
    }

    /// How many bytes may still be sent before the connection is cut, or how to cut it now.
    fn allowance(&self) -> Result<u64, Ending> {
        match self.connection.plan().cut(self.direction) {
            Some(cut) if cut.after <= self.sent => {
                self.connection.feel(cut.kind);
                Err(cut.ending)
            }
            Some(cut) => Ok(cut.after - self.sent),
            None => Ok(u64::MAX),
        }
    }

    /// Waits out the latency, which may change meanwhile.
    async fn wait_until_due(&mut self, piece: &Piece) -> Result<(), Ending> {
        loop {
            self.allowance()?;
            let plan = self.connection.plan();
            let wait = plan.delay + plan.jitter.mul_f64(piece.share);
            if wait.is_zero() {
                return Ok(());
            }
            self.connection.feel(FaultKind::Latency);
            let due = piece.read_at + wait;
            if due <= Instant::now() {
                return Ok(());
            }
            tokio::select! {
                () = sleep_until(due) => return Ok(()),
                () = self.changes.next() => {}
            }
        }
    }

    /// Waits until the bandwidth allows some of `count` bytes, and says how many.
    async fn wait_for_bandwidth(&mut self, count: usize) -> usize {
        loop {
            let Some(rate) = self.connection.plan().bytes_per_second else { return count };
            self.connection.feel(FaultKind::Bandwidth);
            // A twentieth of a second at a time, so that slow bytes trickle and do not come in one lump.
            let portion = usize::try_from(rate.get() / 20).unwrap_or(usize::MAX).clamp(1, count);
            let due = self.pace.max(Instant::now()) + time_for(portion, rate);
            tokio::select! {
                () = sleep_until(due) => {
                    self.pace = due;
                    return portion;
                }
                () = self.changes.next() => {}
            }
        }
    }
}

fn time_for(bytes: usize, rate: NonZeroU64) -> Duration {
    Duration::from_secs_f64(bytes as f64 / rate.get() as f64)
}
