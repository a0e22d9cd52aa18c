use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Error, Expr, LitStr, Result};

use crate::arguments::Arguments;
use crate::duration;

const KNOWN: [&str; 6] = ["isolation", "read_only", "retries", "timeout", "idempotency_key", "on"];

/// What the attribute says.
pub(super) struct Options {
    isolation: Option<LitStr>,
    read_only: bool,
    retries: Option<u32>,
    timeout: Option<Duration>,
    idempotency_key: Option<LitStr>,
    /// The client.
    pub(super) on: Option<Expr>,
}

impl Options {
    pub(super) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut arguments = Arguments::parse(tokens, &KNOWN)?;
        let isolation = arguments.text("isolation")?;
        if let Some(level) = &isolation
            && method(level).is_none()
        {
            let message =
                "write `isolation = \"serializable\"`, `\"repeatable_read\"` or `\"read_committed\"`";
            return Err(Error::new(level.span(), message));
        }
        Ok(Self {
            isolation,
            read_only: arguments.flag("read_only")?,
            retries: arguments.count("retries")?,
            timeout: arguments.duration("timeout")?,
            idempotency_key: arguments.text("idempotency_key")?,
            on: arguments.expression("on")?,
        })
    }

    /// The calls of the builder that say the same.
    pub(super) fn settings(&self) -> Vec<TokenStream> {
        let isolation = self.isolation.as_ref().and_then(method);
        let read_only = self.read_only.then(|| quote!(.read_only()));
        let retries = self.retries.map(|retries| quote!(.retries(#retries)));
        let timeout = self.timeout.map(duration::tokens).map(|timeout| quote!(.timeout(#timeout)));
        // A text in the user's place, so that the names in its braces are the user's.
        let key = self.idempotency_key.as_ref().map(|key| {
            let format = quote_spanned!(key.span()=> ::std::format!(#key));
            quote!(.idempotency_key(#format))
        });
        [isolation, read_only, retries, timeout, key].into_iter().flatten().collect()
    }
}

fn method(level: &LitStr) -> Option<TokenStream> {
    Some(match level.value().replace(' ', "_").as_str() {
        "serializable" => quote!(.serializable()),
        "repeatable_read" => quote!(.repeatable_read()),
        "read_committed" => quote!(.read_committed()),
        _ => return None,
    })
}
