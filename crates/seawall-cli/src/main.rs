//! The `seawall` binary.

mod args;
mod demo;
mod exchange;
mod exit;
mod fetch;
mod http;
mod ingest;
mod signals;
mod system;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("seawall: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    // On a worker, because this thread would have to be woken for whatever the command waits for.
    let command = runtime.spawn(async {
        match args.command {
            Command::Ingest(ingest) => ingest::run(ingest).await,
            Command::Demo(demo) => demo::run(demo).await,
            Command::Fetch(fetch) => fetch::run(fetch).await,
            Command::Http(http) => http::run(*http).await,
        }
    });
    let code = runtime.block_on(command);
    let code = code.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
    // A read of standard input that nobody waits for any more must not keep the process alive.
    runtime.shutdown_background();
    code
}
