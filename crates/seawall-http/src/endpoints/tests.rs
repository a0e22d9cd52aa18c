use http::Uri;

use super::HealthConfig;
use super::address::Address;
use super::health::{Change, Health};

#[test]
fn a_path_is_put_below_the_base_address() {
    for (base, path, expected) in [
        ("http://h:81", "/a?b=c", "http://h:81/a?b=c"),
        ("http://h:81/", "/a", "http://h:81/a"),
        ("https://h/v1/", "/a/b", "https://h/v1/a/b"),
        ("https://h/v1", "/", "https://h/v1/"),
        ("http://[::1]:81/x", "/?q", "http://[::1]:81/x/?q"),
    ] {
        let logical: Uri = format!("http://users{path}").parse().unwrap();
        assert_eq!(Address::parse(base).unwrap().resolve(&logical).to_string(), expected);
    }
}

#[test]
fn what_is_no_base_address_is_refused_and_not_shown() {
    for url in
        ["s3cret", "/s3cret", "ftp://h/s3cret", "http://me:s3cret@h/", "http://h/?s3cret", "http://h/#s3cret"]
    {
        let error = Address::parse(url).unwrap_err();
        assert!(!error.to_string().contains("s3cret") || url.starts_with("ftp"), "{error}");
    }
}

#[test]
fn the_first_answer_decides_alone_and_later_ones_by_threshold() {
    let config = HealthConfig::default();
    let record = |health: &mut Health, answers: &[bool]| {
        answers.iter().map(|good| health.record(*good, &config)).collect::<Vec<_>>()
    };
    let mut health = Health::new();
    assert_eq!(record(&mut health, &[false]), [Some(Change::Failed)]);
    assert_eq!(record(&mut health, &[true, false, true, true]), [None, None, None, Some(Change::Recovered)]);
    assert_eq!(record(&mut health, &[false, false, true]), [None, None, None]);
    assert_eq!(record(&mut health, &[false, false, false, false]), [None, None, Some(Change::Failed), None]);

    let mut health = Health::new();
    assert_eq!(record(&mut health, &[true, false, false, false]), [None, None, None, Some(Change::Failed)]);
}
