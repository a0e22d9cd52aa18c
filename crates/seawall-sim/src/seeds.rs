use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Which seeds: `100` is the first hundred, `100..200` the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seeds(pub(crate) Range<u64>);

/// More than anybody waits for.
const MOST: u64 = 1_000_000;

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.end - self.0.start {
            1 => write!(f, "seed {}", self.0.start),
            _ => write!(f, "seeds {} to {}", self.0.start, self.0.end - 1),
        }
    }
}

impl FromStr for Seeds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, end) = text.split_once("..").unwrap_or(("0", text));
        match (first.parse(), end.parse()) {
            (Ok(first), Ok(end)) if first >= end => Err("these are no seeds at all"),
            (Ok(first), Ok(end)) if end - first > MOST => Err("these are more than a million seeds"),
            (Ok(first), Ok(end)) => Ok(Self(first..end)),
            _ => Err("expected how many, such as 100, or a range, such as 100..200"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_so_many_or_a_range() {
        assert_eq!("100".parse(), Ok(Seeds(0..100)));
        assert_eq!("100..200".parse(), Ok(Seeds(100..200)));
        for wrong in ["", "x", "-1", "1..", "..5", "1..2..3", "0", "5..5", "6..5", "1000001"] {
            assert!(wrong.parse::<Seeds>().is_err(), "{wrong}");
        }
    }
}
