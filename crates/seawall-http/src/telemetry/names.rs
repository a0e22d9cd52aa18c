//! The names that the conventions give to what is said of an HTTP request. The table of Seawall's own names is
//! `seawall_telemetry::names`, which lists the metric too.

use http::{Method, Version};

/// Histogram of attempts, in seconds.
pub(super) const DURATION: &str = "http.client.request.duration";

pub(super) const METHOD: &str = "http.request.method";
pub(super) const METHOD_ORIGINAL: &str = "http.request.method_original";
pub(super) const RESEND_COUNT: &str = "http.request.resend_count";
pub(super) const STATUS: &str = "http.response.status_code";
pub(super) const SERVER_ADDRESS: &str = "server.address";
pub(super) const SERVER_PORT: &str = "server.port";
pub(super) const URL: &str = "url.full";
pub(super) const ERROR: &str = "error.type";
pub(super) const PROTOCOL_VERSION: &str = "network.protocol.version";

/// A method by a name from a short list, because anybody can make one up.
pub(super) fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "CONNECT" => "CONNECT",
        "DELETE" => "DELETE",
        "GET" => "GET",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        "POST" => "POST",
        "PUT" => "PUT",
        "QUERY" => "QUERY",
        "TRACE" => "TRACE",
        _ => "_OTHER",
    }
}

/// A version as the conventions spell it.
pub(super) fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}
