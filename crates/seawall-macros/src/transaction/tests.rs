use quote::quote;

use super::*;

fn expanded(arguments: TokenStream, function: TokenStream) -> String {
    expand(arguments, function).unwrap().to_string()
}

fn refused(arguments: TokenStream, function: TokenStream) -> String {
    expand(arguments, function).unwrap_err().to_string()
}

#[test]
fn the_body_becomes_the_work_of_a_transaction_that_callers_do_not_see() {
    let written = quote! {
        /// Moves money.
        #[must_use]
        pub async fn transfer(sql: &Sql, tx: &mut Transaction, from: i64, mut note: String) -> Result<u64, Error> {
            note.push('!');
            tx.execute("…").bind("note", note).await
        }
    };
    let arguments = quote!(
        isolation = "serializable",
        read_only,
        retries = 5,
        timeout = "1500ms",
        idempotency_key = "t:{from}"
    );
    let expected = quote! {
        /// Moves money.
        #[must_use]
        pub async fn transfer(sql: &Sql, from: i64, note: String) -> Result<u64, Error> {
            sql.build_transaction()
                .serializable()
                .read_only()
                .retries(5u32)
                .timeout(::core::time::Duration::new(1u64, 500000000u32))
                .idempotency_key(::std::format!("t:{from}"))
                .run(async |tx: &mut Transaction| -> Result<u64, Error> {
                    let from = ::core::clone::Clone::clone(&from);
                    let mut note = ::core::clone::Clone::clone(&note);
                    {
                        note.push('!');
                        tx.execute("…").bind("note", note).await
                    }
                })
                .await
        }
    };
    assert_eq!(expanded(arguments, written), expected.to_string());
}

#[test]
fn a_method_names_its_client() {
    let written = quote! {
        async fn add<'a>(&self, name: &'a str, tx: &mut seawall_sql::Transaction) -> Result<&'a str, Broken> { Ok(name) }
    };
    let expected = quote! {
        async fn add<'a>(&self, name: &'a str) -> Result<&'a str, Broken> {
            (self.sql)
                .build_transaction()
                .run(async |tx: &mut seawall_sql::Transaction| -> Result<&'a str, Broken> {
                    let name = ::core::clone::Clone::clone(&name);
                    { Ok(name) }
                })
                .await
        }
    };
    assert_eq!(expanded(quote!(on = self.sql), written), expected.to_string());
}

#[test]
fn a_parameter_that_is_a_pattern_gets_a_name() {
    let written = quote!(
        async fn f(sql: Sql, tx: &mut Transaction, (a, b): (u8, u8)) -> Result<u8, Error> {
            Ok(a + b)
        }
    );
    let text = expanded(quote!(), written);
    assert!(text.contains("argument_2 : (u8 , u8)"), "{text}");
    assert!(text.contains("let (a , b) = :: core :: clone :: Clone :: clone (& argument_2)"), "{text}");
}

#[test]
fn levels_may_be_written_as_in_sql() {
    let written = quote!(
        async fn f(sql: &Sql, tx: &mut Transaction) -> Result<(), Error> {
            Ok(())
        }
    );
    assert!(
        expanded(quote!(isolation = "repeatable read"), written.clone()).contains(". repeatable_read ()")
    );
    assert!(expanded(quote!(isolation = "read_committed"), written).contains(". read_committed ()"));
}

#[test]
fn what_is_wrong_is_told_with_what_to_write() {
    let body = quote!(-> Result<(), Error> { Ok(()) });
    for (arguments, function, told) in [
        (
            quote!(),
            quote!(
                struct S;
            ),
            "`#[transaction]` goes on an `async fn`",
        ),
        (quote!(), quote!(fn f(sql: &Sql, tx: &mut Transaction) #body), "write `async fn`"),
        (
            quote!(),
            quote!(
                async fn f(sql: &Sql, tx: &mut Transaction) {}
            ),
            "say what it returns: `-> Result<T, E>`",
        ),
        (quote!(), quote!(async fn f(sql: &Sql) #body), "add a parameter `tx: &mut Transaction`"),
        (
            quote!(),
            quote!(async fn f(tx: &mut Transaction) #body),
            "add a parameter `sql: &Sql`, or write `#[transaction(on = self.sql)]`",
        ),
        (
            quote!(),
            quote!(async fn f(a: &Sql, b: &Sql, tx: &mut Transaction) #body),
            "write `#[transaction(on = b)]`",
        ),
        (quote!(), quote!(async fn f(sql: &Sql, tx: Transaction) #body), "write `&mut Transaction`"),
        (
            quote!(),
            quote!(async fn f(sql: &Sql, tx: &mut Transaction, b: &mut Transaction) #body),
            "there is one transaction",
        ),
        (
            quote!(),
            quote!(async fn f(sql: &Sql, tx: &mut Transaction, into: &mut Vec<u8>) #body),
            "return what the body makes",
        ),
        (quote!(on = self.sql), quote!(async fn f(&mut self, tx: &mut Transaction) #body), "write `&self`"),
        (quote!(on = self.sql), quote!(async fn f(self, tx: &mut Transaction) #body), "write `&self`"),
        (
            quote!(isolation = "snapshot"),
            quote!(async fn f(sql: &Sql, tx: &mut Transaction) #body),
            "write `isolation = \"serializable\"`",
        ),
        (
            quote!(retry = 3),
            quote!(async fn f(sql: &Sql, tx: &mut Transaction) #body),
            "there is no argument `retry`",
        ),
    ] {
        let error = refused(arguments, function);
        assert!(error.contains(told), "{error}");
    }
}
