use std::io::{self, SeekFrom};
use std::task::{Context, Poll, ready};

use seawall_core::Error;

use super::open::How;
use crate::fault::Fault;
use crate::{File, Operation};

impl File {
    /// Moves the cursor, and says where it is. It may be behind the end of the file.
    ///
    /// # Errors
    /// When what was written before cannot be flushed, it would be before the beginning, or the file has no positions.
    ///
    /// # Cancel safety
    /// Cancel safe: the cursor has not moved.
    pub async fn seek(&mut self, to: SeekFrom) -> Result<u64, Error> {
        std::future::poll_fn(|cx| self.poll_seek(cx, to)).await
    }

    /// Where the cursor is: what aiofiles calls `tell`.
    pub fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn poll_seek(&mut self, cx: &mut Context<'_>, to: SeekFrom) -> Poll<Result<u64, Error>> {
        ready!(self.poll_flush_all(cx))?;
        let to = match to {
            _ if self.open.how == How::InSequence => {
                return Poll::Ready(Err(self.refuse("it has no positions, it is read as it comes")));
            }
            SeekFrom::Start(to) => Some(to),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => {
                while self.length.is_none() {
                    self.start_measuring();
                    ready!(self.poll_settle(cx))?;
                }
                self.length.take().and_then(|length| length.checked_add_signed(by))
            }
        };
        let Some(to) = to else {
            return Poll::Ready(Err(self.refuse("the position is before the beginning or beyond all files")));
        };
        self.move_to(to);
        Poll::Ready(Ok(to))
    }

    fn move_to(&mut self, to: u64) {
        let over = to.checked_sub(self.position).and_then(|over| usize::try_from(over).ok());
        match over.filter(|over| *over <= self.ahead.len()) {
            Some(over) => drop(self.ahead.split_to(over)),
            None => self.ahead.clear(),
        }
        self.at_end = None;
        self.position = to;
    }

    fn refuse(&self, message: &'static str) -> Error {
        let cause = io::Error::from(io::ErrorKind::InvalidInput);
        Fault::invalid(message).label(&self.open.label(Operation::Seek)).with_source(cause)
    }
}
