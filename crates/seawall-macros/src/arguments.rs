//! What stands in the parentheses of an attribute: `name = value` and bare names, by comma.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Lit, LitStr, Result, Token};

use crate::duration;

/// The arguments of an attribute, each to be taken out once.
pub(crate) struct Arguments(Vec<Argument>);

struct Argument {
    name: Ident,
    value: Option<Expr>,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse()?;
        let equals: Option<Token![=]> = input.parse()?;
        let value = equals.map(|_| input.parse()).transpose()?;
        Ok(Self { name, value })
    }
}

impl Arguments {
    /// Reads a list whose names are all among `known`, none of them twice.
    pub(crate) fn parse(tokens: TokenStream, known: &[&str]) -> Result<Self> {
        let list = Punctuated::<Argument, Token![,]>::parse_terminated.parse2(tokens)?;
        let mut arguments: Vec<Argument> = Vec::new();
        for argument in list {
            let name = &argument.name;
            if !known.iter().any(|known| name == known) {
                let message = format!("there is no argument `{name}`: write one of `{}`", known.join("`, `"));
                return Err(Error::new(name.span(), message));
            }
            if arguments.iter().any(|earlier| earlier.name == *name) {
                return Err(Error::new(name.span(), format!("`{name}` is said twice: say it once")));
            }
            arguments.push(argument);
        }
        Ok(Self(arguments))
    }

    /// Whether a bare name is there.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool> {
        match self.take(name) {
            None => Ok(false),
            Some(Argument { value: None, .. }) => Ok(true),
            Some(Argument { name, value: Some(_) }) => {
                Err(Error::new(name.span(), format!("write `{name}` by itself, or leave it out")))
            }
        }
    }

    /// Any expression.
    pub(crate) fn expression(&mut self, name: &str) -> Result<Option<Expr>> {
        self.value(name, "…", |expression| Some(expression.clone()))
    }

    /// A text in quotes.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<LitStr>> {
        self.value(name, "\"…\"", |expression| match expression {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
            _ => None,
        })
    }

    /// A whole number.
    pub(crate) fn count(&mut self, name: &str) -> Result<Option<u32>> {
        self.value(name, "3", |expression| match expression {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse().ok(),
            _ => None,
        })
    }

    /// A duration in quotes.
    pub(crate) fn duration(&mut self, name: &str) -> Result<Option<Duration>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let wrong = || {
            Error::new(text.span(), format!("this is no duration: write `{name} = \"2s\"` or `\"1m 30s\"`"))
        };
        duration::parse(&text.value()).map(Some).ok_or_else(wrong)
    }

    fn value<T>(
        &mut self,
        name: &str,
        example: &str,
        read: impl FnOnce(&Expr) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(Argument { name, value }) = self.take(name) else { return Ok(None) };
        let message = format!("write `{name} = {example}`");
        match value {
            None => Err(Error::new(name.span(), message)),
            Some(value) => match read(&value) {
                None => Err(Error::new_spanned(value, message)),
                read => Ok(read),
            },
        }
    }

    fn take(&mut self, name: &str) -> Option<Argument> {
        let place = self.0.iter().position(|argument| argument.name == name)?;
        Some(self.0.swap_remove(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> Result<Arguments> {
        Arguments::parse(text.parse().unwrap(), &["retries", "timeout", "read_only", "on", "key"])
    }

    #[test]
    fn each_kind_of_value_is_read() {
        let mut all =
            arguments(r#"retries = 5, timeout = "1m 30s", read_only, on = self.sql, key = "a:{b}","#)
                .unwrap();
        assert_eq!(all.count("retries").unwrap(), Some(5));
        assert_eq!(all.duration("timeout").unwrap(), Some(Duration::from_secs(90)));
        assert!(all.flag("read_only").unwrap());
        assert!(matches!(all.expression("on").unwrap(), Some(Expr::Field(_))));
        assert_eq!(all.text("key").unwrap().unwrap().value(), "a:{b}");
    }

    #[test]
    fn what_is_left_out_is_not_there() {
        let mut none = arguments("").unwrap();
        assert_eq!(none.count("retries").unwrap(), None);
        assert_eq!(none.duration("timeout").unwrap(), None);
        assert!(!none.flag("read_only").unwrap());
        assert!(none.expression("on").unwrap().is_none());
    }

    #[test]
    fn a_mistake_is_told_with_what_to_write() {
        let of = |text: &str, read: fn(&mut Arguments) -> Result<()>| {
            arguments(text).and_then(|mut arguments| read(&mut arguments)).err().unwrap().to_string()
        };
        assert_eq!(
            of("retry = 3", |_| Ok(())),
            "there is no argument `retry`: write one of `retries`, `timeout`, `read_only`, `on`, `key`"
        );
        assert_eq!(of("retries = 3, retries = 4", |_| Ok(())), "`retries` is said twice: say it once");
        for wrong in ["retries", "retries = \"3\"", "retries = -1", "retries = 5_000_000_000"] {
            assert_eq!(of(wrong, |it| it.count("retries").map(drop)), "write `retries = 3`");
        }
        assert_eq!(of("timeout = 2", |it| it.duration("timeout").map(drop)), "write `timeout = \"…\"`");
        assert_eq!(
            of("timeout = \"2\"", |it| it.duration("timeout").map(drop)),
            "this is no duration: write `timeout = \"2s\"` or `\"1m 30s\"`"
        );
        assert_eq!(
            of("read_only = true", |it| it.flag("read_only").map(drop)),
            "write `read_only` by itself, or leave it out"
        );
    }
}
