//! Whatever is asked in whatever order: an answer that the origin was not asked for is one that the rules allow. The
//! rules are written down here once more, from what the origin meant and not from what its headers say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response};
use proptest::prelude::*;
use seawall_core::Error;
use seawall_http::http_cache::{HttpCacheConfig, HttpCacheLayer};
use seawall_http::{Body, Http};
use tower::service_fn;

use super::origin::{Answer, Clock, cache_of};

/// How the origin answers for a while.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are what an origin says, each for itself")]
struct Meant {
    fresh: u64,
    while_revalidating: u64,
    if_error: u64,
    no_store: bool,
    no_cache: bool,
    must_revalidate: bool,
    validator: bool,
    varies: bool,
    broken: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Mean(Meant),
    Wait(u64),
    Get { url: usize, variant: usize, max_stale: Option<u64>, no_cache: bool },
    Put { url: usize },
}

fn meant() -> impl Strategy<Value = Meant> {
    let times = (0..40_u64, 0..20_u64, 0..20_u64);
    let rarely = || prop::bool::weighted(0.15);
    (times, rarely(), rarely(), rarely(), any::<bool>(), any::<bool>(), rarely()).prop_map(
        |(
            (fresh, while_revalidating, if_error),
            no_store,
            no_cache,
            must_revalidate,
            validator,
            varies,
            broken,
        )| Meant {
            fresh,
            while_revalidating,
            if_error,
            no_store,
            no_cache,
            must_revalidate,
            validator,
            varies,
            broken,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => meant().prop_map(Step::Mean),
        3 => (0..30_u64).prop_map(Step::Wait),
        8 => (0..2_usize, 0..2_usize, prop::option::weighted(0.2, 0..20_u64), prop::bool::weighted(0.1))
            .prop_map(|(url, variant, max_stale, no_cache)| Step::Get { url, variant, max_stale, no_cache }),
        1 => (0..2_usize).prop_map(|url| Step::Put { url }),
    ]
}

/// One answer of the origin, by the number in its body.
#[derive(Clone, Debug)]
struct Given {
    meant: Meant,
    /// When it was given, or last said to hold.
    at: Duration,
    url: String,
    /// Those that it was said to be the answer to.
    variants: Vec<String>,
    superseded: bool,
}

#[derive(Default)]
struct World {
    meant: Option<Meant>,
    given: HashMap<String, Given>,
    asked: usize,
    failed: usize,
}

fn respond(world: &Mutex<World>, clock: &Clock, request: &Request<Body>) -> Response<Body> {
    let mut world = world.lock().unwrap();
    world.asked += 1;
    let meant = world.meant.clone().unwrap();
    let at = clock.now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let url = request.uri().path().to_owned();
    if request.method() == Method::PUT {
        for given in world.given.values_mut().filter(|given| given.url == url) {
            given.superseded = true;
        }
        return Response::new(Body::empty());
    }
    if meant.broken {
        world.failed += 1;
        return Response::builder().status(503).body(Body::empty()).unwrap();
    }
    let variant = request.headers()["x-variant"].to_str().unwrap().to_owned();
    let mut said = format!(
        "max-age={}, stale-while-revalidate={}, stale-if-error={}",
        meant.fresh, meant.while_revalidating, meant.if_error
    );
    for (set, directive) in [
        (meant.no_store, ", no-store"),
        (meant.no_cache, ", no-cache"),
        (meant.must_revalidate, ", must-revalidate"),
    ] {
        if set {
            said.push_str(directive);
        }
    }
    let mut response = Response::builder().header("cache-control", said);
    if meant.varies {
        response = response.header("vary", "x-variant");
    }
    // Half of what is asked about on condition has not changed.
    let tag =
        request.headers().get("if-none-match").map(|tag| tag.to_str().unwrap().trim_matches('"').to_owned());
    if let Some(number) = tag
        && world.asked.is_multiple_of(2)
        && let Some(given) = world.given.get_mut(&number)
    {
        given.meant = meant;
        given.at = at;
        given.variants.push(variant);
        return response.status(304).header("etag", format!("\"{number}\"")).body(Body::empty()).unwrap();
    }
    let number = world.given.len().to_string();
    if meant.validator {
        response = response.header("etag", format!("\"{number}\""));
    }
    world.given.insert(number.clone(), Given { meant, at, url, variants: vec![variant], superseded: false });
    response.body(Body::from(number)).unwrap()
}

/// Whether the rules let this answer be given to that request without asking.
fn allowed(
    given: &Given,
    url: &str,
    variant: &str,
    max_stale: Option<u64>,
    no_cache: bool,
    now: Duration,
    failed: bool,
) -> bool {
    let meant = &given.meant;
    let age = now.saturating_sub(given.at).as_secs();
    let stale_for = age.saturating_sub(meant.fresh);
    let fresh = age < meant.fresh;
    let bears = max_stale.is_some_and(|most| stale_for <= most)
        || stale_for < meant.while_revalidating
        || (failed && stale_for < meant.if_error);
    given.url == url
        && (!meant.varies || given.variants.iter().any(|of| of == variant))
        && !given.superseded
        && !meant.no_store
        && !meant.no_cache
        && !no_cache
        && (fresh || (bears && !meant.must_revalidate))
}

async fn run(steps: Vec<Step>) {
    let clock = Clock::new();
    let cache = cache_of(&HttpCacheConfig::default(), &clock);
    let world = Arc::new(Mutex::new(World::default()));
    world.lock().unwrap().meant = Some(Meant {
        fresh: 10,
        while_revalidating: 0,
        if_error: 0,
        no_store: false,
        no_cache: false,
        must_revalidate: false,
        validator: true,
        varies: false,
        broken: false,
    });
    let (origins_world, origins_clock) = (Arc::clone(&world), clock.clone());
    let origin = service_fn(move |request: Request<Body>| {
        let response = respond(&origins_world, &origins_clock, &request);
        async move { Ok::<_, Error>(response) }
    });
    let http = Http::from_service(origin).layer(HttpCacheLayer::new(cache));
    for step in steps {
        match step {
            Step::Mean(meant) => world.lock().unwrap().meant = Some(meant),
            Step::Wait(seconds) => clock.advance(seconds),
            Step::Put { url } => {
                http.put(format!("http://a.example/{url}")).send().await.unwrap();
            }
            Step::Get { url, variant, max_stale, no_cache } => {
                let mut wanted = Vec::new();
                wanted.extend(max_stale.map(|seconds| format!("max-stale={seconds}")));
                wanted.extend(no_cache.then(|| "no-cache".to_owned()));
                let variant = variant.to_string();
                let request = http
                    .get(format!("http://a.example/{url}"))
                    .header("x-variant", variant.as_str())
                    .header("cache-control", wanted.join(", "));
                let (asked, failed, known) = {
                    let world = world.lock().unwrap();
                    (world.asked, world.failed, world.given.clone())
                };
                let answer = Answer::of(request.send().await.unwrap()).await.unwrap();
                let now = clock.now().duration_since(std::time::UNIX_EPOCH).unwrap();
                {
                    let world_now = world.lock().unwrap();
                    // What was given before this request was made.
                    if let Some(given) = known.get(&answer.body) {
                        let renewed = world_now.given[&answer.body].at != given.at
                            || (world_now.asked > asked && world_now.given[&answer.body].at == now);
                        let failed = world_now.failed > failed;
                        assert!(
                            renewed
                                || allowed(
                                    given,
                                    &format!("/{url}"),
                                    &variant,
                                    max_stale,
                                    no_cache,
                                    now,
                                    failed
                                ),
                            "{given:?} at {now:?} for {url} {variant} {max_stale:?} {no_cache}: {answer:?}",
                        );
                    } else {
                        assert!(world_now.asked > asked, "it came from somewhere: {answer:?}");
                    }
                }
                // Whatever renews behind the scenes is done before the next step, so that the model knows of it.
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_served_beyond_what_the_rules_allow(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(steps));
    }
}
