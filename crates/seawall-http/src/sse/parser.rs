use std::collections::VecDeque;
use std::time::Duration;

use super::SseEvent;

/// Makes events of bytes, by the rules of the WHATWG
/// ([HTML §9.2.6](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream)), wherever the
/// bytes are split.
#[derive(Debug)]
pub(super) struct Parser {
    max_event_size: usize,
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// Whether the last line ended with a CR, whose LF may still come.
    after_cr: bool,
    /// Whether the stream's first line, which may begin with a byte order mark, is still to come.
    first_line: bool,
    event: String,
    data: String,
    has_data: bool,
    id: String,
    /// The id of the last event that was dispatched.
    last_id: String,
    retry: Option<Duration>,
    ready: VecDeque<SseEvent>,
}

/// An event is larger than it may be.
#[derive(Debug, PartialEq)]
pub(super) struct TooLarge;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Parser {
    pub(super) fn new(max_event_size: usize) -> Self {
        Self {
            max_event_size,
            line: Vec::new(),
            after_cr: false,
            first_line: true,
            event: String::new(),
            data: String::new(),
            has_data: false,
            id: String::new(),
            last_id: String::new(),
            retry: None,
            ready: VecDeque::new(),
        }
    }

    /// Takes the next bytes. At most the events of one chunk wait to be fetched.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), TooLarge> {
        if bytes.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.after_cr) {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = bytes.iter().position(|&byte| matches!(byte, b'\r' | b'\n')) {
            let (line, rest) = bytes.split_at(end);
            if self.line.is_empty() {
                self.fits(line.len())?;
                self.take_line(line)?;
            } else {
                self.add_to_line(line)?;
                let line = std::mem::take(&mut self.line);
                self.take_line(&line)?;
                self.line = line;
                self.line.clear();
            }
            bytes = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                rest => &rest[1..],
            };
        }
        self.add_to_line(bytes)
    }

    pub(super) fn pop(&mut self) -> Option<SseEvent> {
        self.ready.pop_front()
    }

    /// What the server wants to be waited before the next connection, if it has said so since this was asked.
    pub(super) fn take_retry(&mut self) -> Option<Duration> {
        self.retry.take()
    }

    /// The id to go on after; empty if there is none.
    pub(super) fn last_id(&self) -> &str {
        &self.last_id
    }

    /// Begins after an event that was read elsewhere.
    pub(super) fn go_on_after(&mut self, id: &str) {
        id.clone_into(&mut self.id);
        id.clone_into(&mut self.last_id);
    }

    /// The connection is another: what was half there is gone, the last id stays.
    pub(super) fn restart(&mut self) {
        self.line.clear();
        self.after_cr = false;
        self.first_line = true;
        self.forget_event();
        self.id.clone_from(&self.last_id);
    }

    fn add_to_line(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        self.fits(self.line.len().saturating_add(bytes.len()))?;
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn fits(&self, size: usize) -> Result<(), TooLarge> {
        if size > self.max_event_size { Err(TooLarge) } else { Ok(()) }
    }

    fn take_line(&mut self, line: &[u8]) -> Result<(), TooLarge> {
        let line = match (std::mem::take(&mut self.first_line), line.strip_prefix(BYTE_ORDER_MARK)) {
            (true, Some(line)) => line,
            _ => line,
        };
        if line.is_empty() {
            self.dispatch();
            return Ok(());
        }
        // A line's end is never within a character, so lines can be decoded one by one.
        let line = String::from_utf8_lossy(line);
        match line.split_once(':') {
            Some(("", _comment)) => Ok(()),
            Some((field, value)) => self.take_field(field, value.strip_prefix(' ').unwrap_or(value)),
            None => self.take_field(&line, ""),
        }
    }

    fn take_field(&mut self, field: &str, value: &str) -> Result<(), TooLarge> {
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                // Each line but the first is parted from the one before.
                self.fits(self.data.len().saturating_add(value.len() + 1))?;
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = Some(Duration::from_millis(value.parse().unwrap_or(u64::MAX)));
            }
            _ => {}
        }
        Ok(())
    }

    /// An empty line ends an event. One without data is none, but its id counts.
    fn dispatch(&mut self) {
        self.last_id.clone_from(&self.id);
        if self.has_data {
            let event = match std::mem::take(&mut self.event) {
                event if event.is_empty() => "message".to_owned(),
                event => event,
            };
            let id = (!self.last_id.is_empty()).then(|| self.last_id.clone());
            self.ready.push_back(SseEvent { event, data: std::mem::take(&mut self.data), id });
        }
        self.forget_event();
    }

    fn forget_event(&mut self) {
        self.event.clear();
        self.data.clear();
        self.has_data = false;
    }
}

#[cfg(test)]
mod tests;
