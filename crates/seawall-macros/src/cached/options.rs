use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, Expr, ExprLit, Lit, LitStr, Result};

use crate::arguments::Arguments;
use crate::duration;

const KNOWN: [&str; 9] = ["cache", "key", "ttl", "stale", "on_error", "idle", "failures", "absent", "tags"];

/// What the attribute says.
pub(super) struct Options {
    /// The cache.
    pub(super) cache: Expr,
    key: Expr,
    fresh: Duration,
    /// The calls of `Ttl` that take a duration, in their order.
    times: Vec<(&'static str, Duration)>,
    absent: Option<Duration>,
    tags: Vec<Expr>,
}

impl Options {
    pub(super) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut arguments = Arguments::parse(tokens, &KNOWN)?;
        let missing = |what: &str| Error::new(Span::call_site(), what);
        let cache = arguments.expression("cache")?.ok_or_else(|| {
            missing("say where the values are kept: write `cache = self.cache`, or the name of a parameter")
        })?;
        if text(&cache).is_some() {
            return Err(Error::new_spanned(cache, "write the cache without quotes: `cache = self.cache`"));
        }
        let key = arguments
            .expression("key")?
            .ok_or_else(|| missing("say what tells the values apart: write `key = \"user:{id}\"`"))?;
        let fresh = arguments
            .duration("ttl")?
            .ok_or_else(|| missing("say how long a value is good for: write `ttl = \"5m\"`"))?;
        let mut times = Vec::new();
        for name in ["stale", "on_error", "idle", "failures"] {
            times.extend(arguments.duration(name)?.map(|time| (name, time)));
        }
        let absent = arguments.duration("absent")?;
        let tags = match arguments.expression("tags")? {
            None => Vec::new(),
            Some(Expr::Array(array)) => array.elems.into_iter().collect(),
            Some(other) => {
                return Err(Error::new_spanned(other, "write `tags = [\"users\", \"user:{id}\"]`"));
            }
        };
        Ok(Self { cache, key, fresh, times, absent, tags })
    }

    /// The key, as a reference.
    pub(super) fn key(&self) -> TokenStream {
        let key = formatted(&self.key);
        quote!(&#key)
    }

    /// How long the value is kept, and under which tags, of a cache that is called `cache`.
    pub(super) fn keep(&self, cache: &Ident) -> TokenStream {
        let fresh = duration::tokens(self.fresh);
        let times = self.times.iter().map(|(name, time)| {
            let (name, time) = (quote::format_ident!("{name}"), duration::tokens(*time));
            quote!(.#name(#time))
        });
        let absent = self.absent.map(duration::tokens).map(|time| quote!(.or_absent(#time)));
        let tags = (!self.tags.is_empty()).then(|| {
            let tags = self.tags.iter().map(formatted);
            quote!(.tagged([#(::std::string::String::from(#tags)),*]))
        });
        quote!(#cache.fresh_for(#fresh) #(#times)* #absent #tags)
    }
}

/// A text with the parameters that stand in its braces; anything else as it is.
fn formatted(expression: &Expr) -> TokenStream {
    text(expression).map_or_else(
        || quote!((#expression)),
        // A text in the user's place, so that the names in its braces are the user's.
        |text| quote_spanned!(text.span()=> ::std::format!(#text)),
    )
}

fn text(expression: &Expr) -> Option<&LitStr> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}
