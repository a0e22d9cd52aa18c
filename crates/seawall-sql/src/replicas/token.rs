use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// What was written until a moment: made by [`Sql::write_token`](crate::Sql::write_token) after a write, and given to
/// [`Query::read_after`](crate::Query::read_after) to read what was written. It can be shown, and read again from that: put it
/// into the user's session.
///
/// On Postgres it is a place in the write-ahead log. On MySQL and MariaDB it is the moment: reads go to the server that
/// writes until every replica that is in use must have passed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteToken(Position);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// In the log: bytes.
    Log(u64),
    /// Milliseconds since 1970.
    Moment(u64),
}

impl WriteToken {
    pub(crate) fn in_log(position: u64) -> Self {
        Self(Position::Log(position))
    }

    pub(crate) fn at(moment: SystemTime) -> Self {
        let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(Position::Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Whether a replica has it that has come to `position`.
    pub(super) fn is_in(self, position: u64, now: SystemTime, longest_lag: Duration) -> bool {
        match self.0 {
            Position::Log(wanted) => position >= wanted,
            Position::Moment(written) => {
                let passed = SystemTime::UNIX_EPOCH + Duration::from_millis(written) + longest_lag;
                now > passed
            }
        }
    }

    /// Whether a replica can be asked if it has it.
    pub(super) fn can_be_asked_for(self) -> bool {
        matches!(self.0, Position::Log(_))
    }
}

impl fmt::Display for WriteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Position::Log(position) => write!(f, "l{position:x}"),
            Position::Moment(moment) => write!(f, "m{moment:x}"),
        }
    }
}

impl FromStr for WriteToken {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const NONE: &str = "this is no token of a write";
        let (kind, number) = text.split_at_checked(1).ok_or(NONE)?;
        let number = u64::from_str_radix(number, 16).map_err(|_other| NONE)?;
        match kind {
            "l" => Ok(Self(Position::Log(number))),
            // One that somebody made up must not be beyond all calendars.
            "m" if number < 1 << 48 => Ok(Self(Position::Moment(number))),
            _ => Err(NONE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_it_is_shown_as() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for token in [WriteToken::in_log(0), WriteToken::in_log(u64::MAX), WriteToken::at(now)] {
            assert_eq!(token.to_string().parse(), Ok(token));
        }
        for text in ["", "l", "x1", "mffffffffffffffff", "é", "l-1"] {
            assert!(text.parse::<WriteToken>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_place_in_the_log_is_reached_and_a_moment_passes() {
        let lag = Duration::from_secs(10);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let place = WriteToken::in_log(7);
        assert!(place.is_in(7, now, lag) && !place.is_in(6, now, lag));
        let moment = WriteToken::at(now);
        assert!(!moment.is_in(u64::MAX, now + lag, lag));
        assert!(moment.is_in(0, now + lag + Duration::from_millis(1), lag));
    }
}
