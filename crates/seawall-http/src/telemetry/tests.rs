use http::{Method, Uri};

use super::Peer;
use super::names;
use super::span::redacted;

#[test]
fn a_url_shows_no_user_and_no_value_of_its_query() {
    for (url, shown) in [
        ("https://example.com/a/b", "https://example.com/a/b"),
        (
            "https://example.com:8443/?page=2&token=s3cret",
            "https://example.com:8443/?page=REDACTED&token=REDACTED",
        ),
        ("https://me:s3cret@example.com/", "https://REDACTED:REDACTED@example.com/"),
        ("http://h/p?s3cret", "http://h/p?REDACTED"),
        ("http://h/p?a==s3cret&&b=", "http://h/p?a=REDACTED&&b=REDACTED"),
        ("http://h/p?", "http://h/p?"),
        ("/p?a=s3cret", "/p?a=REDACTED"),
    ] {
        let uri: Uri = url.parse().unwrap();
        assert_eq!(redacted(&uri), shown);
    }
}

#[test]
fn a_method_of_ones_own_is_another() {
    assert_eq!(names::method(&Method::PATCH), "PATCH");
    assert_eq!(names::method(&Method::from_bytes(b"BREW").unwrap()), "_OTHER");
}

#[test]
fn a_server_is_known_by_address_and_port() {
    for (key, address, port) in [
        ("http://example.com:80", "example.com", 80),
        ("https://[::1]:8443", "::1", 8443),
        ("http://127.0.0.1:9", "127.0.0.1", 9),
    ] {
        let peer = Peer::of_key(key, std::sync::Arc::new(()));
        assert_eq!((&*peer.address, peer.port), (address, port));
    }
}
