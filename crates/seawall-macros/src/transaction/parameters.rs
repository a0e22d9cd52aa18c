use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, FnArg, Ident, Pat, PatType, ReceiverKind, Result, Token, Type};

/// The parameters of the function, sorted by what becomes of them.
pub(super) struct Parameters {
    /// Where the transaction is begun.
    pub(super) client: TokenStream,
    /// The parameter that the transaction is handed to, which callers do not see.
    pub(super) transaction: PatType,
    /// All others.
    pub(super) seen_by_callers: Punctuated<FnArg, Token![,]>,
    /// What gives each run arguments of its own.
    pub(super) clones: Vec<TokenStream>,
}

impl Parameters {
    pub(super) fn of(inputs: &Punctuated<FnArg, Token![,]>, on: Option<&Expr>) -> Result<Self> {
        let mut clients: Vec<Ident> = Vec::new();
        let mut transactions: Vec<PatType> = Vec::new();
        let mut seen_by_callers = Punctuated::new();
        let mut clones = Vec::new();
        for (index, input) in inputs.iter().enumerate() {
            let parameter = match input {
                FnArg::Receiver(receiver) => {
                    if !matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) {
                        return Err(Error::new_spanned(
                            receiver,
                            "write `&self`: the body may run several times",
                        ));
                    }
                    seen_by_callers.push(input.clone());
                    continue;
                }
                FnArg::Typed(parameter) => parameter,
            };
            if is_named(&parameter.ty, "Transaction") {
                transactions.push(parameter.clone());
                continue;
            }
            if is_exclusive(&parameter.ty) {
                return Err(Error::new_spanned(
                    &parameter.ty,
                    "return what the body makes instead of filling it in here: a run that is undone and repeated \
                     would leave its marks in it",
                ));
            }
            let (outer, inner) = named(&parameter.pat, index);
            if on.is_none() && is_named(&parameter.ty, "Sql") {
                clients.push(outer.clone());
            } else {
                // At the type, where the compiler says that it is not `Clone`.
                clones.push(
                    quote_spanned!(parameter.ty.span()=> let #inner = ::core::clone::Clone::clone(&#outer);),
                );
            }
            let (attributes, ty) = (&parameter.attrs, &parameter.ty);
            seen_by_callers.push(syn::parse2(quote!(#(#attributes)* #outer: #ty))?);
        }
        Ok(Self { client: client(on, clients)?, transaction: one(transactions)?, seen_by_callers, clones })
    }
}

fn client(on: Option<&Expr>, mut parameters: Vec<Ident>) -> Result<TokenStream> {
    match (on, parameters.pop()) {
        (Some(on), _) => Ok(quote!((#on))),
        (None, None) => Err(Error::new(
            Span::call_site(),
            "say where the transaction is begun: add a parameter `sql: &Sql`, or write `#[transaction(on = self.sql)]`",
        )),
        (None, Some(last)) if parameters.is_empty() => Ok(quote!(#last)),
        (None, Some(last)) => {
            let message = format!("say which client it is: write `#[transaction(on = {last})]`");
            Err(Error::new(last.span(), message))
        }
    }
}

fn one(mut transactions: Vec<PatType>) -> Result<PatType> {
    let Some(transaction) = transactions.pop() else {
        return Err(Error::new(
            Span::call_site(),
            "add a parameter `tx: &mut Transaction`: it is begun for the body, and callers do not see it",
        ));
    };
    if !transactions.is_empty() {
        return Err(Error::new_spanned(transaction, "there is one transaction: take this one out"));
    }
    if !is_exclusive(&transaction.ty) {
        return Err(Error::new_spanned(
            &transaction.ty,
            "write `&mut Transaction`: it is lent to the body, and committed after it",
        ));
    }
    Ok(transaction)
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

/// Whether a type, or what it refers to, has this name.
fn is_named(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Reference(reference) => is_named(&reference.elem, name),
        Type::Paren(inner) => is_named(&inner.elem, name),
        Type::Group(inner) => is_named(&inner.elem, name),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == name),
        _ => false,
    }
}

fn is_exclusive(ty: &Type) -> bool {
    matches!(ty, Type::Reference(reference) if reference.mutability.is_some())
}
