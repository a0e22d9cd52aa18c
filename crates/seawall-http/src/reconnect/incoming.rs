use std::time::Duration;

/// What a stream that connects again brings: what was sent, and where something may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming<T> {
    /// What the server sent.
    Item(T),
    /// The stream had broken and goes on: what follows comes from another connection.
    Reconnected(Reconnected),
}

/// A gap in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconnected {
    /// How many attempts it took to connect again, the one that succeeded included.
    pub attempts: u32,
    /// How long there was no connection.
    pub away: Duration,
    /// The last id that the server was told, to go on after it.
    pub resumed_from: Option<String>,
    /// Whether something may have been sent meanwhile that will never come: the server was told no id to go on after.
    /// If it was, one that keeps to its protocol leaves nothing out; whether this one does, only it knows.
    pub may_have_missed: bool,
}

impl<T> Incoming<T> {
    /// What was sent, for those who do not care for gaps.
    pub fn item(self) -> Option<T> {
        match self {
            Self::Item(item) => Some(item),
            Self::Reconnected(_) => None,
        }
    }

    /// The same of another type.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Incoming<U> {
        match self {
            Self::Item(item) => Incoming::Item(change(item)),
            Self::Reconnected(gap) => Incoming::Reconnected(gap),
        }
    }
}
