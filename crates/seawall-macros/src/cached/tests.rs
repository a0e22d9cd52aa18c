use quote::quote;

use super::*;

fn expanded(arguments: TokenStream, function: TokenStream) -> String {
    expand(arguments, function).unwrap().to_string()
}

fn refused(arguments: TokenStream, function: TokenStream) -> String {
    expand(arguments, function).unwrap_err().to_string()
}

#[test]
fn the_body_becomes_the_loader_of_the_cache() {
    let written = quote! {
        /// Finds one.
        pub async fn user(&self, id: u64, name: &'a str) -> Result<User, Error> {
            self.find(id, name).await
        }
    };
    let arguments = quote!(cache = self.cache, key = "user:{id}", ttl = "5m", stale = "1h", tags = ["users"]);
    let expected = quote! {
        /// Finds one.
        pub async fn user(&self, id: u64, name: &'a str) -> Result<User, Error> {
            let answer = {
                let cache = ::core::clone::Clone::clone(&self.cache);
                let key = &::std::format!("user:{id}");
                let keep = cache
                    .fresh_for(::core::time::Duration::new(300u64, 0u32))
                    .stale(::core::time::Duration::new(3600u64, 0u32))
                    .tagged([::std::string::String::from(::std::format!("users"))]);
                let load = {
                    let cache = ::core::clone::Clone::clone(&cache);
                    let this = ::core::clone::Clone::clone(self);
                    let id = ::core::clone::Clone::clone(&id);
                    let name = ::std::borrow::ToOwned::to_owned(name);
                    move || async move {
                        {
                            #[allow(unused_variables)] let id = id;
                            #[allow(unused_variables)] let name: &str = ::core::borrow::Borrow::borrow(&name);
                            let made: Result<User, Error> = async move { this.find(id, name).await }.await;
                            made
                        }
                        .map_err(|error| cache.failure_of(error))
                    }
                };
                cache.get_or_load(key, keep, load).await
            };
            answer.map_err(::core::convert::From::from)
        }
    };
    assert_eq!(expanded(arguments, written), expected.to_string());
}

#[test]
fn every_time_is_said_by_its_method_and_absence_and_tags_come_last() {
    let arguments = quote!(
        tags = ["a", tag],
        absent = "1s",
        failures = "2s",
        idle = "3s",
        on_error = "4s",
        stale = "5s",
        ttl = "6s",
        key = id,
        cache = users
    );
    let text = expanded(
        arguments,
        quote!(
            async fn f(users: Users, id: u64) -> Result<Option<u8>, Error> {
                g().await
            }
        ),
    );
    let places: Vec<_> =
        [". fresh_for", ". stale", ". on_error", ". idle", ". failures", ". or_absent", ". tagged"]
            .map(|method| text.find(method).unwrap_or_else(|| panic!("{method}: {text}")))
            .into();
    assert!(places.is_sorted(), "{text}");
    assert!(text.contains("let key = & (id)"), "{text}");
    assert!(text.contains("String :: from ((tag))"), "{text}");
}

#[test]
fn what_is_wrong_is_told_with_what_to_write() {
    let all = quote!(cache = cache, key = "{id}", ttl = "5m");
    let fine = quote!(
        async fn f(id: u64) -> u64 {
            id
        }
    );
    for (arguments, function, told) in [
        (
            all.clone(),
            quote!(
                struct S;
            ),
            "`#[cached]` goes on an `async fn`",
        ),
        (
            all.clone(),
            quote!(
                fn f(id: u64) -> u64 {
                    id
                }
            ),
            "write `async fn`",
        ),
        (
            all.clone(),
            quote!(
                async fn f(id: u64) {}
            ),
            "say what it returns",
        ),
        (
            all.clone(),
            quote!(
                async fn f(&mut self, id: u64) -> u64 {
                    id
                }
            ),
            "write `&self`",
        ),
        (
            all.clone(),
            quote!(
                async fn f(self, id: u64) -> u64 {
                    id
                }
            ),
            "write `&self`",
        ),
        (
            all,
            quote!(
                async fn f(id: u64, into: &mut Vec<u8>) -> u64 {
                    id
                }
            ),
            "return what the body makes",
        ),
        (quote!(key = "{id}", ttl = "5m"), fine.clone(), "write `cache = self.cache`"),
        (quote!(cache = "self.cache", key = "{id}", ttl = "5m"), fine.clone(), "without quotes"),
        (quote!(cache = cache, ttl = "5m"), fine.clone(), "write `key = \"user:{id}\"`"),
        (quote!(cache = cache, key = "{id}"), fine.clone(), "write `ttl = \"5m\"`"),
        (quote!(cache = cache, key = "{id}", ttl = "5"), fine.clone(), "this is no duration"),
        (
            quote!(cache = cache, key = "{id}", ttl = "5m", tags = "users"),
            fine.clone(),
            "write `tags = [\"users\"",
        ),
        (quote!(cache = cache, key = "{id}", time = "5m"), fine, "there is no argument `time`"),
    ] {
        let error = refused(arguments, function);
        assert!(error.contains(told), "{error}");
    }
}
