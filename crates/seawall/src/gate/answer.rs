use super::Place;

/// What a client answers with. It knows whether the call is over with it.
pub(crate) trait Answer {
    /// Keeps the call's place for as long as the call goes on behind the answer.
    fn holding(self, place: Place) -> Self;
}

/// Transactions and streams of rows hold a connection, and closing the database waits for those.
#[cfg(feature = "sql")]
impl Answer for seawall_sql::Reply {
    fn holding(self, _over: Place) -> Self {
        self
    }
}

/// A session holds a connection, and closing the client waits for those.
#[cfg(feature = "redis")]
impl Answer for seawall_redis::Reply {
    fn holding(self, _over: Place) -> Self {
        self
    }
}

/// A file opened for streaming or writing is its holder's: there is nothing that a shutdown would take from it.
#[cfg(feature = "fs")]
impl Answer for seawall_fs::FsResponse {
    fn holding(self, _over: Place) -> Self {
        self
    }
}

/// A response is under way until its body was read or dropped.
#[cfg(feature = "http")]
impl Answer for http::Response<seawall_http::Body> {
    fn holding(self, place: Place) -> Self {
        self.map(|body| match body.as_bytes() {
            Some(_in_memory) => body,
            None => seawall_http::Body::new(body::Held::new(body, place)),
        })
    }
}

#[cfg(feature = "http")]
mod body {
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use http_body::{Body as _, Frame, SizeHint};
    use seawall_core::Error;
    use seawall_http::Body;

    use super::Place;

    /// A body that keeps its call's place until its end.
    pub(super) struct Held {
        body: Body,
        place: Option<Place>,
    }

    impl Held {
        pub(super) fn new(body: Body, place: Place) -> Self {
            Self { place: (!body.is_end_stream()).then_some(place), body }
        }
    }

    impl http_body::Body for Held {
        type Data = <Body as http_body::Body>::Data;
        type Error = Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Error>>> {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
                self.place = None;
            }
            Poll::Ready(frame)
        }

        fn is_end_stream(&self) -> bool {
            self.body.is_end_stream()
        }

        fn size_hint(&self) -> SizeHint {
            self.body.size_hint()
        }
    }
}
