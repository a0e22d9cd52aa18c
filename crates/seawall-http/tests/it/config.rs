use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::{HeaderMap, StatusCode, Version};
use seawall_core::FailureKind;
use seawall_http::{
    CredentialsConfig, GuardsConfig, Http, HttpConfig, HttpVersion, Proxy, TlsConfig, TlsVersion,
};
use seawall_tower::DeadlineHeader;

use crate::support::{client, client_of, serve};

#[test]
fn the_defaults_are_those_of_the_table() {
    let config = HttpConfig::default();
    assert_eq!(config.user_agent, format!("seawall/{}", env!("CARGO_PKG_VERSION")));
    assert_eq!(config.http_version, HttpVersion::Auto);
    assert!(!config.https_only);
    assert_eq!(config.connect_timeout, Duration::from_secs(30));
    assert_eq!(config.read_timeout, Some(Duration::from_secs(30)));
    assert_eq!(config.pool_max_idle_per_host, 10);
    assert_eq!(config.pool_idle_timeout, Duration::from_mins(5));
    assert_eq!(config.max_redirects, 10);
    assert_eq!(config.max_connections_per_host, std::num::NonZeroU32::new(10));
    assert_eq!(config.http2_ping_interval, Some(Duration::from_secs(30)));
    assert_eq!(config.max_replay_body, 8 * 1024 * 1024);
    assert_eq!(config.max_collected_size, 16 * 1024 * 1024);
    assert!(config.decompress && !config.cookies);
    assert_eq!(config.credentials, CredentialsConfig { by_origin: [].into(), allow_plain_http: false });
    assert_eq!(config.proxy, Proxy::System);
    let tls = TlsConfig {
        extra_roots: Vec::new(),
        only_extra_roots: false,
        identity: None,
        min_version: TlsVersion::Tls12,
        danger_accept_any_certificate: false,
    };
    assert_eq!(config.tls, tls);
    let guards = GuardsConfig {
        max_response_size: None,
        max_response_headers: 100,
        max_response_header_bytes: 64 * 1024,
        allowed_hosts: Vec::new(),
        refuse_private_addresses: false,
    };
    assert_eq!(config.guards, guards);
    assert_eq!(config.deadline_header, Some(DeadlineHeader::GrpcTimeout));
    assert_eq!(config.quota_pause, Some(Duration::from_mins(5)));
    assert_eq!(config.pipeline.hedge, None);
    assert_eq!(config.pipeline.deadline, Some(Duration::from_secs(30)));
    assert_eq!(config.pipeline.attempt_timeout, Some(Duration::from_secs(8)));
}

#[test]
fn a_configuration_survives_being_written_and_read() {
    let config = HttpConfig {
        read_timeout: None,
        http_version: HttpVersion::Http2,
        deadline_header: Some(DeadlineHeader::EnvoyExpectedTimeout),
        ..HttpConfig::default()
    };
    let written = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<HttpConfig>(&written).unwrap(), config);

    let partial: HttpConfig =
        serde_json::from_str(r#"{"read_timeout": "off", "connect_timeout": "2s", "deadline_header": "off"}"#)
            .unwrap();
    assert_eq!((partial.read_timeout, partial.deadline_header), (None, None));
    assert_eq!(partial.connect_timeout, Duration::from_secs(2));
    assert_eq!(partial.max_redirects, 10);

    let error = serde_json::from_str::<HttpConfig>(r#"{"conect_timeout": "2s"}"#).unwrap_err();
    assert!(error.to_string().contains("unknown field `conect_timeout`"), "{error}");
}

#[tokio::test]
async fn what_cannot_work_is_refused_with_the_name_of_the_field() {
    let refused = |config: HttpConfig| {
        let error = Http::new(&config, Arc::new(())).unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        error.to_string()
    };
    assert_eq!(
        refused(HttpConfig { read_timeout: Some(Duration::ZERO), ..HttpConfig::default() }),
        "http `client`: the configuration cannot work: read_timeout is 0s: must be above zero",
    );
    assert_eq!(
        refused(HttpConfig { user_agent: "line\nbreak".into(), ..HttpConfig::default() }),
        r#"http `client`: the configuration cannot work: user_agent is "line\nbreak": must be visible ascii"#,
    );
    let mut config = HttpConfig::default();
    config.pipeline.circuit_breaker.wait_factor = 0.5;
    assert_eq!(
        refused(config),
        "http `client`: the configuration cannot work: \
         pipeline.circuit_breaker.wait_factor is 0.5: must be at least 1",
    );
}

#[tokio::test]
async fn the_user_agent_is_sent() {
    let url = serve(
        Router::new()
            .route("/", get(async |headers: HeaderMap| headers["user-agent"].to_str().unwrap().to_owned())),
    )
    .await;
    let said = client().get(&url).send().await.unwrap().into_body().text(1024).await.unwrap();
    assert_eq!(said, format!("seawall/{}", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn http_2_is_spoken_without_tls_to_a_server_known_to_speak_it() {
    let url = serve(Router::new().route("/", get(async || "hello"))).await;
    let http = client_of(&HttpConfig { http_version: HttpVersion::Http2, ..HttpConfig::default() });
    let response = http.get(&url).send().await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(response.into_body().text(1024).await.unwrap(), "hello");

    let response = client().get(&url).send().await.unwrap();
    assert_eq!(response.version(), Version::HTTP_11);
}

#[tokio::test]
async fn redirects_are_followed_up_to_the_limit() {
    let url = serve(
        Router::new()
            .route("/from", get(async || (StatusCode::FOUND, [("location", "/to")])))
            .route("/to", get(async || "arrived"))
            .route("/loop", get(async || (StatusCode::FOUND, [("location", "/loop")]))),
    )
    .await;
    let http = client();
    let response = http.get(format!("{url}/from")).send().await.unwrap();
    assert_eq!(response.into_body().text(1024).await.unwrap(), "arrived");

    let error = http.get(format!("{url}/loop")).send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(error.to_string().contains("more than max_redirects, which is 10"), "{error}");

    let http = client_of(&HttpConfig { max_redirects: 0, ..HttpConfig::default() });
    assert_eq!(http.get(format!("{url}/from")).send().await.unwrap().status(), StatusCode::FOUND);
}

#[tokio::test]
async fn https_only_refuses_plain_http() {
    let url = serve(Router::new().route("/", get(async || "plain"))).await;
    let http = client_of(&HttpConfig { https_only: true, ..HttpConfig::default() });
    let error = http.get(&url).send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(!error.may_have_executed());
}
