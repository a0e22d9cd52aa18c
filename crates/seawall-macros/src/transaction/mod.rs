//! `#[transaction]`: the function's body becomes the work of a transaction of the client that it names.

mod options;
mod parameters;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemFn, Result, ReturnType};

use options::Options;
use parameters::Parameters;

pub(crate) fn expand(arguments: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let options = Options::parse(arguments)?;
    let ItemFn { attrs, vis, mut sig, block, .. } = syn::parse2(function).map_err(|error| {
        Error::new(error.span(), format!("`#[transaction]` goes on an `async fn`: {error}"))
    })?;
    if sig.asyncness.is_none() {
        return Err(Error::new_spanned(
            sig.fn_token,
            "write `async fn`: a transaction waits for its database",
        ));
    }
    let ReturnType::Type(..) = &sig.output else {
        return Err(Error::new_spanned(
            &sig.ident,
            "say what it returns: `-> Result<T, E>` with an `E` that is made `From<seawall_core::Error>`",
        ));
    };
    let parameters = Parameters::of(&sig.inputs, options.on.as_ref())?;
    sig.inputs = parameters.seen_by_callers;

    let (client, transaction, clones) = (parameters.client, parameters.transaction, parameters.clones);
    let settings = options.settings();
    let output = &sig.output;
    // Only methods, no paths: it works under whatever name the client's crate is known to the caller's.
    Ok(quote! {
        #(#attrs)*
        #vis #sig {
            #client
                .build_transaction()
                #(#settings)*
                .run(async |#transaction| #output {
                    #(#clones)*
                    #block
                })
                .await
        }
    })
}
