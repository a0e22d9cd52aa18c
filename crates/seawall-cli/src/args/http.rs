use std::path::PathBuf;
use std::time::Duration;

use super::seconds;

const EXAMPLES: &str = "\
Examples:
  seawall http GET https://api.example.com/items -q page=2
  seawall http POST https://api.example.com/items --json-body '{\"name\": \"ann\"}' -H 'Idempotency-Key: 3f1b8e'
  API_TOKEN=... seawall http PUT https://api.example.com/photo --data @photo.jpg --bearer-env API_TOKEN
  seawall http GET https://example.com/report.pdf -o report.pdf

The call is under the default policies: retries with a budget, circuit breaker, adaptive limit, one deadline for all of
it. What is not idempotent is never made again once it may have been executed, unless it has an Idempotency-Key or you
say --idempotent.

Keep secrets in the environment (--bearer-env, --basic-env), not in the command line, which others can see.

Exit codes: 0 answered, status below 400 · 1 no answer, or a status of 400 and above (its body is printed all the same) ·
2 wrong usage · 130 stopped by a signal";

/// Makes one HTTP call that withstands what can be withstood.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HttpArgs {
    /// GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or another.
    #[arg(value_name = "METHOD")]
    pub(crate) method: String,
    // Not a doc comment, which would read the address as a link.
    #[arg(value_name = "URL", help = "The address: http(s)://HOST/PATH")]
    pub(crate) url: String,
    /// A header to send; give it as often as needed.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// A pair for the query, escaped for you; give it as often as needed.
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) query: Vec<(String, String)>,
    /// The body: this text, or @FILE, or @- for standard input.
    #[arg(short, long, value_name = "TEXT", conflicts_with_all = ["json_body", "form"])]
    pub(crate) data: Option<String>,
    /// The body as JSON, checked before it is sent: this text, or @FILE, or @-.
    #[arg(long, value_name = "TEXT", conflicts_with = "form")]
    pub(crate) json_body: Option<String>,
    /// A field of an HTML form to send as the body; give it as often as needed.
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) form: Vec<(String, String)>,
    /// The environment variable that holds a bearer token.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "basic_env")]
    pub(crate) bearer_env: Option<String>,
    /// The environment variable that holds user:password for Basic authentication.
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) basic_env: Option<String>,
    /// The call may be made again whatever its method: the server knows a repeated one when it sees it.
    #[arg(long)]
    pub(crate) idempotent: bool,
    /// Seconds for the whole call, all retries and the body included.
    #[arg(short, long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Print the status and the headers of the response too.
    #[arg(short, long)]
    pub(crate) include: bool,
    /// Write the body into this file, which is as it was until the whole body is there.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print one JSON object about the call in place of the response; a body that is no UTF-8 is left out.
    #[arg(long, conflicts_with = "include")]
    pub(crate) json: bool,
    /// More on standard error: -v what is retried, -vv every step.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("give 'NAME: VALUE'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
