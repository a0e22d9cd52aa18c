//! `#[cached]`: the function's body becomes the loader of a cache that it names.

mod options;
mod parameters;
#[cfg(test)]
mod tests;

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Error, ItemFn, Result, ReturnType, Type};

use options::Options;
use parameters::Parameters;

pub(crate) fn expand(arguments: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let options = Options::parse(arguments)?;
    let ItemFn { attrs, vis, mut sig, block, .. } = syn::parse2(function)
        .map_err(|error| Error::new(error.span(), format!("`#[cached]` goes on an `async fn`: {error}")))?;
    if sig.asyncness.is_none() {
        return Err(Error::new_spanned(
            sig.fn_token,
            "write `async fn`: a cache may have to wait for a value",
        ));
    }
    let ReturnType::Type(_, output) = &sig.output else {
        return Err(Error::new_spanned(&sig.ident, "say what it returns: that is what the cache keeps"));
    };
    let Parameters { seen_by_callers, receiver, owned, lent, direct } = Parameters::of(&sig.inputs)?;
    sig.inputs = seen_by_callers;

    // Names of our own, whatever the parameters are called.
    let [cache, key_of, keep_of, load, made, answer] =
        ["cache", "key", "keep", "load", "made", "answer"].map(|name| Ident::new(name, Span::mixed_site()));
    let (place, key, keep) = (&options.cache, options.key(), options.keep(&cache));
    let body = match &receiver {
        Some(this) => renamed(block.to_token_stream(), this),
        None => block.to_token_stream(),
    };
    let result = quote!({ #(#lent)* let #made: #output = async move #body.await; #made });
    let (bring, hand_out) = if is_result(output) {
        (
            quote!(#result.map_err(|error| #cache.failure_of(error))),
            quote!(#answer.map_err(::core::convert::From::from)),
        )
    } else {
        // What cannot fail is made without the cache where the cache fails: its loader panicked, or the time is over.
        let whole = &block;
        (
            quote!(::core::result::Result::Ok(#result)),
            quote!(match #answer {
                ::core::result::Result::Ok(value) => value,
                ::core::result::Result::Err(_) => { #(#direct)* #whole }
            }),
        )
    };
    // Only methods, no paths: it works under whatever name the cache's crate is known to the caller's.
    Ok(quote! {
        #(#attrs)*
        #vis #sig {
            let #answer = {
                let #cache = ::core::clone::Clone::clone(&#place);
                let #key_of = #key;
                let #keep_of = #keep;
                let #load = {
                    let #cache = ::core::clone::Clone::clone(&#cache);
                    #(#owned)*
                    move || async move { #bring }
                };
                #cache.get_or_load(#key_of, #keep_of, #load).await
            };
            #hand_out
        }
    })
}

/// Whether the type is called `Result`. Others of another name are kept as they are, failures too.
fn is_result(output: &Type) -> bool {
    match output {
        Type::Paren(inner) => is_result(&inner.elem),
        Type::Group(inner) => is_result(&inner.elem),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Result"),
        _ => false,
    }
}

/// The body with another name for `self`.
fn renamed(body: TokenStream, this: &Ident) -> TokenStream {
    body.into_iter()
        .map(|token| match token {
            TokenTree::Ident(name) if name == "self" => {
                let mut this = this.clone();
                this.set_span(this.span().located_at(name.span()));
                TokenTree::Ident(this)
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), renamed(group.stream(), this));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other,
        })
        .collect()
}
