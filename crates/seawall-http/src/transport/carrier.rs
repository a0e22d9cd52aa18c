use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use seawall_core::BoxError;

use super::client::{self, Client};
use super::users;
use crate::Body;
use crate::target::CallName;

/// What carries requests to servers.
#[derive(Clone, Debug)]
pub(crate) enum Carrier {
    /// Made of a configuration.
    Own(Arc<Client>),
    /// The user's, which may follow redirects itself, among other things that nobody knows.
    Users(reqwest::Client),
}

impl Carrier {
    pub(super) fn send(&self, request: Request<Body>, call: &CallName) -> Result<Pending, BoxError> {
        Ok(match self {
            Self::Own(client) => Pending::Own(client.send(request)?),
            Self::Users(client) => Pending::Users(users::send(client, request, call)?),
        })
    }

    /// The user's, if it is.
    pub(crate) const fn users(&self) -> Option<&reqwest::Client> {
        match self {
            Self::Own(_) => None,
            Self::Users(client) => Some(client),
        }
    }
}

/// An answer that is to come.
pub(super) enum Pending {
    Own(client::Pending),
    Users(users::Pending),
}

impl Future for Pending {
    type Output = Result<Response<Body>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Own(pending) => Pin::new(pending).poll(cx),
            Self::Users(pending) => Pin::new(pending).poll(cx),
        }
    }
}
