use proptest::prelude::*;

use super::*;

fn events_of(chunks: &[&[u8]]) -> Vec<SseEvent> {
    let mut parser = Parser::new(1024);
    let mut events = Vec::new();
    for chunk in chunks {
        parser.push(chunk).unwrap();
        events.extend(std::iter::from_fn(|| parser.pop()));
    }
    events
}

fn event(event: &str, data: &str, id: Option<&str>) -> SseEvent {
    SseEvent { event: event.to_owned(), data: data.to_owned(), id: id.map(str::to_owned) }
}

#[test]
fn the_examples_of_the_standard_are_read_as_it_says() {
    let cases: &[(&str, &[SseEvent])] = &[
        ("data: YHOO\ndata: +2\ndata: 10\n\n", &[event("message", "YHOO\n+2\n10", None)]),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            &[
                event("message", "first event", Some("1")),
                event("message", "second event", None),
                event("message", " third event", None),
            ],
        ),
        ("data\n\ndata\ndata\n\ndata:", &[event("message", "", None), event("message", "\n", None)]),
        ("data:test\n\ndata: test\n\n", &[event("message", "test", None), event("message", "test", None)]),
    ];
    for (stream, expected) in cases {
        assert_eq!(events_of(&[stream.as_bytes()]), *expected, "{stream:?}");
    }
}

#[test]
fn every_kind_of_line_end_is_one() {
    for stream in [
        "data: a\n\ndata: b\n\n",
        "data: a\r\rdata: b\r\r",
        "data: a\r\n\r\ndata: b\r\n\r\n",
        "data: a\n\rdata: b\r\r\n",
    ] {
        let expected = [event("message", "a", None), event("message", "b", None)];
        assert_eq!(events_of(&[stream.as_bytes()]), expected, "{stream:?}");
    }
}

#[test]
fn fields_mean_what_the_standard_says() {
    let cases: &[(&str, &[SseEvent])] = &[
        ("event: add\ndata: 1\n\ndata: 2\n\n", &[event("add", "1", None), event("message", "2", None)]),
        ("event: add\n\ndata: 2\n\n", &[event("message", "2", None)]),
        ("id: 1\n\ndata: 2\n\n", &[event("message", "2", Some("1"))]),
        (
            "id: 1\ndata: 1\n\nid: 2\0\ndata: 2\n\n",
            &[event("message", "1", Some("1")), event("message", "2", Some("1"))],
        ),
        ("Data: 1\ndata : 2\nunknown: 3\ndata: 4\n\n", &[event("message", "4", None)]),
        ("\u{feff}data: 1\n\n\u{feff}data: 2\n\n", &[event("message", "1", None)]),
        ("data: not ended", &[]),
        ("data: not dispatched\n", &[]),
    ];
    for (stream, expected) in cases {
        assert_eq!(events_of(&[stream.as_bytes()]), *expected, "{stream:?}");
    }
    assert_eq!(events_of(&[b"data: \xff\xf0\x9f\n\n"])[0].data, "\u{fffd}\u{fffd}");
}

#[test]
fn only_digits_are_a_time_to_wait() {
    let retry = |stream: &str| {
        let mut parser = Parser::new(1024);
        parser.push(stream.as_bytes()).unwrap();
        parser.take_retry()
    };
    assert_eq!(retry("retry: 1500\n"), Some(Duration::from_millis(1500)));
    assert_eq!(retry("retry: 99999999999999999999999\n"), Some(Duration::from_millis(u64::MAX)));
    for nonsense in ["retry\n", "retry: -1\n", "retry: 1.5\n", "retry: 1s\n", "retry:  1\n"] {
        assert_eq!(retry(nonsense), None, "{nonsense:?}");
    }
}

#[test]
fn what_is_too_large_is_refused_however_it_comes() {
    let whole = format!("data: {}\n\n", "x".repeat(2000));
    assert_eq!(Parser::new(1024).push(whole.as_bytes()), Err(TooLarge));
    let mut parser = Parser::new(1024);
    let line = format!("data: {}\n", "x".repeat(500));
    assert_eq!(parser.push(line.as_bytes()), Ok(()));
    assert_eq!(parser.push(line.as_bytes()), Ok(()));
    assert_eq!(parser.push(line.as_bytes()), Err(TooLarge));
    let mut parser = Parser::new(1024);
    let refused = std::iter::repeat_n(b"y", 2000).find_map(|byte| parser.push(byte).err());
    assert_eq!(refused, Some(TooLarge));
}

#[test]
fn what_is_half_there_is_gone_with_its_connection_and_the_last_id_stays() {
    let mut parser = Parser::new(1024);
    parser.push(b"id: 1\ndata: 1\n\nid: 2\ndata: 2\r").unwrap();
    assert_eq!(parser.pop().unwrap().data, "1");
    parser.restart();
    assert_eq!(parser.last_id(), "1");
    parser.push(b"\n\xEF\xBB\xBFdata: 3\n\n").unwrap();
    assert_eq!(parser.pop(), None, "a mark is one at the very beginning only");
    parser.push(b"data: 4\n\n").unwrap();
    assert_eq!(parser.pop(), Some(event("message", "4", Some("1"))));
}

/// Pieces that streams are made of, with all that is special between them.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("data: ".to_owned()),
        Just("data".to_owned()),
        Just("event:".to_owned()),
        Just("id: 7".to_owned()),
        Just("id".to_owned()),
        Just(":".to_owned()),
        Just(": comment".to_owned()),
        Just("retry: 10".to_owned()),
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("\r\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("é€🌊".to_owned()),
        Just("\0".to_owned()),
        "[a-z ]{0,5}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_splitting_gives_the_same_events(stream in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        let whole = events_of(&[&stream]);
        prop_assert_eq!(events_of(&chunks), whole.clone());
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(events_of(&bytes), whole);
    }

    #[test]
    fn what_is_written_is_read(sent in prop::collection::vec(("[a-z]{1,8}", "[^\r\n\0]{0,20}", "([^\r\n]{0,20}\n?){0,4}"), 0..8), line_end in prop::sample::select(&["\n", "\r", "\r\n"][..])) {
        let mut stream = String::new();
        let mut expected = Vec::new();
        let mut last = String::new();
        for (name, id, data) in sent {
            for line in data.split('\n') {
                stream.extend(["data: ", line, line_end]);
            }
            stream.extend(["event: ", &name, line_end, "id: ", &id, line_end, line_end]);
            last.clone_from(&id);
            expected.push(event(&name, &data, (!last.is_empty()).then_some(last.as_str())));
        }
        prop_assert_eq!(events_of(&[stream.as_bytes()]), expected);
    }

    #[test]
    fn no_bytes_at_all_make_it_panic_or_hold_more_than_it_may(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..40)) {
        let mut parser = Parser::new(64);
        for chunk in &chunks {
            if parser.push(chunk).is_err() {
                break;
            }
            while parser.pop().is_some() {}
            prop_assert!(parser.line.len() <= 64 && parser.data.len() <= 64 && parser.id.len() <= 64 * 3);
        }
    }
}
