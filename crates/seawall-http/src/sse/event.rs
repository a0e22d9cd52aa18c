/// An event of an event stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SseEvent {
    /// Its type: `message` unless the server said otherwise.
    pub event: String,
    /// Its data, lines parted by `\n`.
    pub data: String,
    /// The last id that the server has given, by this event or one before; `None` if it has given none.
    pub id: Option<String>,
}
