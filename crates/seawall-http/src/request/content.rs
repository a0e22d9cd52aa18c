use http::HeaderValue;
use http::header::{CONTENT_TYPE, Entry};
use serde::Serialize;

use super::{Draft, RequestBuilder};
use crate::Body;
use crate::multipart::Form;

impl RequestBuilder {
    /// Sends a value as JSON, with `Content-Type: application/json` unless another is set before.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.change(|draft| {
            let json = serde_json::to_vec(value)
                .map_err(|error| draft.invalid("the body cannot be written as json", error))?;
            draft.content_type("application/json");
            draft.body = json.into();
            Ok(())
        })
    }

    /// Sends a value as a form: pairs, or a struct without others inside; with
    /// `Content-Type: application/x-www-form-urlencoded` unless another is set before.
    pub fn form<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.change(|draft| {
            let form = serde_urlencoded::to_string(value)
                .map_err(|error| draft.invalid("the body cannot be written as a form", error))?;
            draft.content_type("application/x-www-form-urlencoded");
            draft.body = form.into();
            Ok(())
        })
    }

    /// Sends a form of several parts, files among them. The `Content-Type` is its own.
    pub fn multipart(self, form: Form) -> Self {
        self.change(|draft| {
            draft.headers.insert(CONTENT_TYPE, form.content_type());
            draft.body = form.into_body()?;
            Ok(())
        })
    }

    /// Sends bytes, or a stream: one made by [`Body::from_stream`] is sent once, and the call never repeated; one made by
    /// [`Body::from_fn`] can be sent again.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.change(|draft| {
            draft.body = body.into();
            Ok(())
        })
    }
}

impl Draft {
    fn content_type(&mut self, mime: &'static str) {
        if let Entry::Vacant(entry) = self.headers.entry(CONTENT_TYPE) {
            entry.insert(HeaderValue::from_static(mime));
        }
    }
}
