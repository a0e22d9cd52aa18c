use bytes::Bytes;
use memchr::memchr;
use seawall_core::Error;

use super::read::READ_AHEAD;
use crate::fault::Fault;
use crate::{File, Operation};

impl File {
    /// The next line, without its `\n` or `\r\n`, if it has at most `limit` bytes; `None` at the end of the file. A last
    /// line without an end is a line too.
    ///
    /// The bytes are not copied: they keep the chunk that they were read in, of 64 KiB or more, in memory.
    ///
    /// # Errors
    /// As [`read_bytes`](Self::read_bytes), and when the line is longer; the cursor has not moved then.
    ///
    /// # Cancel safety
    /// Cancel safe: the cursor has not moved.
    pub async fn next_line(&mut self, limit: usize) -> Result<Option<Bytes>, Error> {
        let Some((length, end)) = self.find_line(limit).await? else { return Ok(None) };
        let mut line = self.advance(length + end);
        line.truncate(length);
        Ok(Some(line))
    }

    /// [`next_line`](Self::next_line) of a file that holds UTF-8.
    ///
    /// # Errors
    /// As [`next_line`](Self::next_line), and when the line is not UTF-8; the cursor has not moved then.
    ///
    /// # Cancel safety
    /// Cancel safe: the cursor has not moved.
    pub async fn next_text_line(&mut self, limit: usize) -> Result<Option<String>, Error> {
        let Some((length, end)) = self.find_line(limit).await? else { return Ok(None) };
        let line = match std::str::from_utf8(&self.ahead[..length]) {
            Ok(line) => line.to_owned(),
            Err(cause) => return Err(self.not_text(&cause)),
        };
        self.advance(length + end);
        Ok(Some(line))
    }

    /// All lines from the cursor on, without their ends, if they have at most `limit` bytes together.
    ///
    /// # Errors
    /// As [`read_all`](Self::read_all).
    ///
    /// # Cancel safety
    /// Cancel safe: the cursor has not moved.
    pub async fn read_lines(&mut self, limit: u64) -> Result<Vec<Bytes>, Error> {
        let mut rest = self.read_all(limit).await?;
        let mut lines = Vec::new();
        while !rest.is_empty() {
            let end = memchr(b'\n', &rest).map_or(rest.len(), |end| end + 1);
            let mut line = rest.split_to(end);
            line.truncate(without_end(&line));
            lines.push(line);
        }
        Ok(lines)
    }

    /// Finds how many bytes the next line has, and its end.
    async fn find_line(&mut self, limit: usize) -> Result<Option<(usize, usize)>, Error> {
        self.forget_the_stale();
        let mut searched = 0;
        loop {
            let found = memchr(b'\n', &self.ahead[searched..]).map(|end| searched + end + 1);
            let whole = found.unwrap_or(self.ahead.len());
            let length = without_end(&self.ahead[..whole]);
            if length > limit {
                let message = format!("a line is longer than the {limit} bytes allowed: raise the limit");
                return Err(Fault::invalid(message).label(&self.open.label(Operation::ReadAt)));
            }
            if found.is_some() {
                return Ok(Some((length, whole - length)));
            }
            searched = whole;
            if !self.more(READ_AHEAD).await? {
                return Ok((whole > 0).then_some((length, whole - length)));
            }
            // What was ahead is gone if somebody changed the file meanwhile.
            searched = searched.min(self.ahead.len());
        }
    }
}

/// How long a line is without `\n` or `\r\n`.
fn without_end(line: &[u8]) -> usize {
    let line = line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")).unwrap_or(line);
    line.len()
}
