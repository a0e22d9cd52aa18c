//! `seawall http`: one call under the default policies.

use std::io::Write;
use std::process::ExitCode;

use futures_util::TryStreamExt;
use http::Response;
use seawall::AsyncIoSystem;
use seawall::core::Error;
use seawall::fs::Fs;
use seawall::http::{Body, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use crate::args::HttpArgs;
use crate::exit::{FAILED, STOPPED, USAGE, fail_as, print_json, print_line};
use crate::signals::stop_on_signal;
use crate::system;

/// A body up to this size is read first and can be sent again; a larger one is streamed, and sent once.
const REPLAYED: u64 = 8 * 1024 * 1024;

/// The largest body that is shown as JSON.
const SHOWN: u64 = 64 * 1024 * 1024;

pub(crate) async fn run(args: HttpArgs) -> ExitCode {
    let stop = stop_on_signal();
    let json = args.json;
    let called = tokio::select! {
        called = call(args) => called,
        () = stop.cancelled() => Err((STOPPED, "stopped; whether the server carried it out is unknown".to_owned())),
    };
    match called {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err((code, problem)) => fail_as(json, code, &problem),
    }
}

/// Makes the call and shows the response; whether its status is a good one.
async fn call(args: HttpArgs) -> Result<bool, (u8, String)> {
    let io = system::without_database().await?;
    system::log(&io, args.verbose);
    let request = request(&io, &args).await?;
    let begun = tokio::time::Instant::now();
    let failed = |error: Error| (FAILED, error.to_string());
    if args.json {
        // Read whole within the attempt, so that a body that breaks is asked for again.
        let response = request.max_response_size(SHOWN).collect().await.map_err(failed)?;
        let good = is_good(&response);
        print_json(&describe(response, begun).await.map_err(failed)?);
        return Ok(good);
    }
    let response = request.max_response_size(u64::MAX).send().await.map_err(failed)?;
    let (status, good) = (response.status(), is_good(&response));
    if args.include {
        print_head(&response);
    }
    let body = response.into_body();
    match &args.output {
        Some(path) if good => save(io.fs(), path, body).await.map_err(failed)?,
        _ => print(body).await?,
    }
    if !good {
        eprintln!("seawall: the server answered {status}");
    }
    Ok(good)
}

async fn request(io: &AsyncIoSystem, args: &HttpArgs) -> Result<RequestBuilder, (u8, String)> {
    let usage = |problem: String| (USAGE, problem);
    let method = args.method.to_ascii_uppercase();
    let method = method.parse().map_err(|error| usage(format!("METHOD {:?}: {error}", args.method)))?;
    let mut request = io.http().request(method, &args.url).query(&args.query).timeout(args.timeout);
    for (name, value) in &args.headers {
        request = request.header(name.as_str(), value.as_str());
    }
    if let Some(variable) = &args.bearer_env {
        request = request.bearer(secret(variable)?);
    }
    if let Some(variable) = &args.basic_env {
        let secret = secret(variable)?;
        let (user, password) = secret
            .split_once(':')
            .ok_or_else(|| usage(format!("${variable} holds no user:password: there is no colon in it")))?;
        request = request.basic(user, password);
    }
    if let Some(text) = &args.json_body {
        let bytes = whole(io.fs(), text).await?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| usage(format!("--json-body is no JSON: {error}")))?;
        request = request.json(&value);
    }
    if !args.form.is_empty() {
        request = request.form(&args.form);
    }
    if let Some(text) = &args.data {
        request = body(request, io.fs(), text).await?;
    }
    Ok(if args.idempotent { request.idempotent() } else { request })
}

fn is_good(response: &Response<Body>) -> bool {
    !response.status().is_client_error() && !response.status().is_server_error()
}

fn secret(variable: &str) -> Result<String, (u8, String)> {
    std::env::var(variable).map_err(|error| (USAGE, format!("${variable}: {error}")))
}

/// What a TEXT argument means, read whole.
async fn whole(fs: &Fs, text: &str) -> Result<Vec<u8>, (u8, String)> {
    match text.strip_prefix('@') {
        None => Ok(text.into()),
        Some("-") => {
            let mut bytes = Vec::new();
            let read = tokio::io::stdin().take(REPLAYED).read_to_end(&mut bytes).await;
            read.map_err(|error| (FAILED, format!("standard input cannot be read: {error}")))?;
            Ok(bytes)
        }
        Some(file) => {
            let content = fs.read(file, REPLAYED).await.map_err(|error| (USAGE, error.to_string()))?;
            Ok(content.into())
        }
    }
}

/// Sets the body: small ones as bytes, which can be sent again, large ones and pipes as a stream.
async fn body(request: RequestBuilder, fs: &Fs, text: &str) -> Result<RequestBuilder, (u8, String)> {
    match text.strip_prefix('@') {
        Some("-") => {
            let stream = ReaderStream::new(tokio::io::stdin());
            Ok(request.body(Body::from_stream(stream)))
        }
        Some(file) => {
            let size = fs.metadata(file).await.map_err(|error| (USAGE, error.to_string()))?.len();
            if size <= REPLAYED {
                return Ok(request.body(whole(fs, text).await?));
            }
            let stream = Body::from_stream(fs.stream(file, 0));
            Ok(request.header("content-length", size).body(stream))
        }
        None => Ok(request.body(text.to_owned())),
    }
}

fn print_head(response: &Response<Body>) {
    print_line(&format!("{:?} {}", response.version(), response.status()));
    for (name, value) in response.headers() {
        print_line(&format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
    }
    print_line("");
}

async fn print(mut body: Body) -> Result<(), (u8, String)> {
    let mut out = std::io::stdout();
    loop {
        match body.try_next().await {
            Ok(Some(chunk)) => {
                // Whoever closed standard output does not want to read on.
                if out.write_all(&chunk).and_then(|()| out.flush()).is_err() {
                    return Ok(());
                }
            }
            Ok(None) => return Ok(()),
            Err(error) => return Err((FAILED, error.to_string())),
        }
    }
}

async fn save(fs: &Fs, path: &std::path::Path, mut body: Body) -> Result<(), Error> {
    let mut writer = fs.atomic_writer(path).await?;
    while let Some(chunk) = body.try_next().await? {
        writer.write(chunk).await?;
    }
    writer.commit().await
}

async fn describe(response: Response<Body>, begun: tokio::time::Instant) -> Result<Value, Error> {
    let status = response.status().as_u16();
    let version = format!("{:?}", response.version());
    let mut headers = serde_json::Map::new();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        let values = headers.entry(name.as_str()).or_insert_with(|| json!([]));
        values.as_array_mut().expect("each entry was made an array").push(json!(value));
    }
    let body = response.into_body().collect(SHOWN as usize).await?;
    Ok(json!({
        "status": status, "version": version, "headers": headers, "bytes": body.len(),
        "body": std::str::from_utf8(&body).ok(), "seconds": begun.elapsed().as_secs_f64(),
    }))
}
