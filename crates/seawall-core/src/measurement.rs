use std::time::Duration;

/// How long one operation of a client took, by the conventions of `OpenTelemetry`: told to an
/// [`Observer`](crate::Observer) by a client that knows what the convention asks for.
///
/// Beside [`Event`](crate::Event), which is the same for all clients, this is in each protocol's own words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement<'a> {
    /// The metric, such as `http.client.request.duration`: a histogram in seconds.
    pub metric: &'static str,
    /// How long it took.
    pub elapsed: Duration,
    /// What it was, by the convention's names. Values must be few and hold no secret: no path, no query, no user.
    pub attributes: &'a [(&'static str, AttributeValue<'a>)],
}

/// A value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeValue<'a> {
    /// Words.
    Text(&'a str),
    /// A whole number.
    Number(i64),
}
