use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, Pat, ReceiverKind, Result, Token, Type};

/// The parameters of the function, and how they come into the load, which outlives the call.
#[derive(Default)]
pub(super) struct Parameters {
    pub(super) seen_by_callers: Punctuated<FnArg, Token![,]>,
    /// What `self` is called in the load, if there is one.
    pub(super) receiver: Option<Ident>,
    /// What makes each argument the load's own.
    pub(super) owned: Vec<TokenStream>,
    /// What gives the body its parameters in the load.
    pub(super) lent: Vec<TokenStream>,
    /// What gives it its parameters outside of the load.
    pub(super) direct: Vec<TokenStream>,
}

impl Parameters {
    pub(super) fn of(inputs: &Punctuated<FnArg, Token![,]>) -> Result<Self> {
        let mut parameters = Self::default();
        for (index, input) in inputs.iter().enumerate() {
            match input {
                FnArg::Receiver(receiver) => {
                    if !matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) {
                        return Err(Error::new_spanned(
                            receiver,
                            "write `&self`, of a type that is `Clone`: the load outlives the call",
                        ));
                    }
                    let this = format_ident!("this", span = Span::mixed_site());
                    parameters.owned.push(
                        quote_spanned!(receiver.span()=> let #this = ::core::clone::Clone::clone(self);),
                    );
                    parameters.receiver = Some(this);
                    parameters.seen_by_callers.push(input.clone());
                }
                FnArg::Typed(parameter) => {
                    let (outer, inner) = named(&parameter.pat, index);
                    let (attributes, ty) = (&parameter.attrs, &parameter.ty);
                    parameters.add(&outer, &inner, ty)?;
                    parameters.seen_by_callers.push(syn::parse2(quote!(#(#attributes)* #outer: #ty))?);
                }
            }
        }
        Ok(parameters)
    }

    fn add(&mut self, outer: &Ident, inner: &TokenStream, ty: &Type) -> Result<()> {
        self.direct.push(quote!(#[allow(unused_variables)] let #inner = #outer;));
        let Type::Reference(reference) = ty else {
            // At the type, where the compiler says that it is not `Clone`.
            self.owned.push(quote_spanned!(ty.span()=> let #outer = ::core::clone::Clone::clone(&#outer);));
            self.lent.push(quote!(#[allow(unused_variables)] let #inner = #outer;));
            return Ok(());
        };
        if reference.mutability.is_some() {
            return Err(Error::new_spanned(
                ty,
                "return what the body makes instead of filling it in here: whoever finds it in the cache makes nothing",
            ));
        }
        // Of its own life, not of the one that the caller's has.
        let target = &reference.elem;
        self.owned.push(quote_spanned!(ty.span()=> let #outer = ::std::borrow::ToOwned::to_owned(#outer);));
        self.lent.push(quote!(#[allow(unused_variables)] let #inner: &#target = ::core::borrow::Borrow::borrow(&#outer);));
        Ok(())
    }
}

/// The name by which a parameter is passed, and the pattern that the body wants it in.
fn named(pattern: &Pat, index: usize) -> (Ident, TokenStream) {
    match pattern {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            (pattern.ident.clone(), quote!(#pattern))
        }
        other => (format_ident!("argument_{index}", span = Span::mixed_site()), quote!(#other)),
    }
}
