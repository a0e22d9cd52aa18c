//! Configuration in layers: defaults, then a file, then the environment. `Config::load` reads `seawall.toml` and the
//! environment of the process; `Config::from_layers`, used here, is told where to look.
//!
//! ```console
//! $ SEAWALL_HTTP__CONNECT_TIMEOUT=2s cargo run --example config_file
//! $ SEAWALL_HTTP__CONNECT_TIMEOUTS=2s cargo run --example config_file
//! ```

use seawall::{AsyncIoSystem, Config};

const FILE: &str = r#"
database_url = "sqlite::memory:"

[http]
connect_timeout = "5s"
read_timeout = "off"

[http.pipeline.retry]
max_attempts = 5
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::temp_dir().join("seawall-config-file.toml");
    std::fs::write(&path, FILE)?;
    let config = Config::from_layers(Some(&path), std::env::vars());

    // A mistake is an error that names the key and the source it came from.
    std::fs::write(&path, "[http]\nmax_redirects = \"many\"\n")?;
    let mistake = Config::from_layers(Some(&path), []);
    std::fs::remove_file(&path)?;
    println!("{}", mistake.err().map(|error| error.to_string()).unwrap_or_default());

    let config = config?;
    println!("connect timeout: {:?}", config.http.connect_timeout);
    println!("attempts: {}", config.http.pipeline.retry.max_attempts);
    let io = AsyncIoSystem::builder().config(config).build().await?;
    io.shutdown(io.config().shutdown_deadline).await?;
    Ok(())
}
