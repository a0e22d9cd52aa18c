use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant};

use super::checksum::{Checksum, Row};
use super::faults::{BodyFault, Fault};
use super::market::{FILES, Market};
use super::range::Part;
use super::tick::MOST_ROWS;
use super::{Exchange, ExchangeConfig, FaultLevel, Sent};

fn start(seed: u64, rows: u64, faults: FaultLevel) -> Exchange {
    Exchange::start(ExchangeConfig { seed, rows, faults }).unwrap()
}

fn whole(market: Market, path: &str) -> Vec<u8> {
    let file = market.file(path).unwrap();
    let mut bytes = Vec::new();
    file.read(0..file.len(), &mut bytes);
    bytes
}

/// Reads CSV with no help from the code that wrote it.
fn row(line: &str) -> Row<'_> {
    let fields: Vec<&str> = line.split(',').collect();
    assert_eq!(fields.len(), 6, "{line}");
    Row {
        id: fields[0].parse().unwrap(),
        symbol: fields[1],
        ts: fields[2],
        price: fields[3].parse().unwrap(),
        size: fields[4].parse().unwrap(),
        side: fields[5],
    }
}

fn add(checksum: &mut Checksum, csv: &[u8]) -> u64 {
    let mut lines = str::from_utf8(csv).unwrap().lines();
    assert_eq!(lines.next(), Some("id,symbol,ts,price,size,side"));
    lines.map(|line| checksum.add(&row(line))).count() as u64
}

/// An answer, or how far it came.
struct Answer {
    head: String,
    body: Vec<u8>,
    whole: bool,
}

impl Answer {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

async fn exchange_words(stream: &mut TcpStream, request: &str) -> io::Result<Answer> {
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let mut answer = Answer { head: String::from_utf8(head).unwrap(), body: Vec::new(), whole: false };
    let mut left: usize = answer.header("Content-Length").unwrap().parse().unwrap();
    if request.starts_with("HEAD") {
        left = 0;
    }
    let mut buffer = vec![0; 64 * 1024];
    while left > 0 {
        let most = left.min(buffer.len());
        match stream.read(&mut buffer[..most]).await {
            Ok(0) | Err(_) => return Ok(answer),
            Ok(count) => {
                answer.body.extend_from_slice(&buffer[..count]);
                left -= count;
            }
        }
    }
    answer.whole = true;
    Ok(answer)
}

async fn request(addr: SocketAddr, request: &str) -> io::Result<Answer> {
    exchange_words(&mut TcpStream::connect(addr).await?, request).await
}

async fn get(addr: SocketAddr, path: &str, headers: &str) -> Answer {
    request(addr, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await.unwrap()
}

/// What a well-behaved client does: wait when told, ask again, and go on where the body broke off.
async fn download(addr: SocketAddr, path: &str) -> (Vec<u8>, u64) {
    let (mut bytes, mut etag, mut requests) = (Vec::new(), String::new(), 0);
    loop {
        requests += 1;
        let mut range = String::new();
        if !bytes.is_empty() {
            range = format!("Range: bytes={}-\r\nIf-Range: {etag}\r\n", bytes.len());
        }
        let answer = request(addr, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n{range}\r\n")).await;
        match answer {
            Ok(answer) if matches!(answer.status(), 200 | 206) => {
                assert_eq!(answer.status() == 206, !bytes.is_empty());
                etag = answer.header("ETag").unwrap().to_owned();
                bytes.extend_from_slice(&answer.body);
                if answer.whole {
                    return (bytes, requests);
                }
            }
            Ok(answer) => {
                assert!(matches!(answer.status(), 429 | 500 | 503), "{}", answer.head);
                let wait = answer.header("Retry-After").map_or(0, |seconds| seconds.parse().unwrap());
                tokio::time::sleep(Duration::from_secs(wait)).await;
            }
            Err(error) => {
                assert!(
                    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof),
                    "{error}"
                );
            }
        }
    }
}

/// All rows there are, as a client under these faults receives them, file by file.
async fn receive(exchange: &Exchange) -> (u64, Checksum, u64) {
    let (mut rows, mut checksum, mut requests) = (0, Checksum::default(), 0);
    for source in exchange.sources() {
        let path = source.strip_prefix(&format!("http://{}", exchange.addr())).unwrap();
        let (csv, asked) = download(exchange.addr(), path).await;
        rows += add(&mut checksum, &csv);
        requests += asked;
    }
    (rows, checksum, requests)
}

#[test]
fn the_same_seed_and_rows_give_the_same_bytes_and_others_do_not() {
    let bytes = |seed, rows| whole(Market::new(seed, rows).unwrap(), "/ticks/07.csv");
    assert_eq!(bytes(1, 5000), bytes(1, 5000));
    assert_ne!(bytes(1, 5000), bytes(2, 5000));
    assert_ne!(bytes(1, 5000), bytes(1, 5001));
}

#[test]
fn any_range_of_a_file_is_the_slice_of_the_whole() {
    let market = Market::new(3, 2000).unwrap();
    let file = market.file("/ticks/19.csv").unwrap();
    let expected = whole(market, "/ticks/19.csv");
    assert_eq!(expected.len() as u64, file.len());
    let mut rng = Rng::with_seed(1);
    for _ in 0..2000 {
        let start = rng.u64(..=file.len());
        let end = rng.u64(start..=file.len());
        let mut bytes = b"kept".to_vec();
        file.read(start..end, &mut bytes);
        assert_eq!(&bytes[4..], &expected[start as usize..end as usize], "{start}..{end}");
    }
}

#[test]
fn every_row_is_well_formed_and_its_id_is_unique() {
    let market = Market::new(9, 12_345).unwrap();
    let (mut ids, mut symbols) = (HashSet::new(), HashSet::new());
    for file in market.files() {
        let csv = String::from_utf8(whole(market, &file.path())).unwrap();
        let mut here = HashSet::new();
        for line in csv.lines().skip(1) {
            let row = row(line);
            assert!(ids.insert(row.id), "{line}");
            here.insert(row.symbol.to_owned());
            assert!(row.symbol.len() == 4 && row.symbol.bytes().all(|letter| letter.is_ascii_uppercase()));
            assert!((100.0..1000.0).contains(&row.price) && (100..1000).contains(&row.size), "{line}");
            assert!(("2026-01-05T14:30:00.000Z".."2026-01-05T21:00:00.000Z").contains(&row.ts), "{line}");
            assert!(row.ts.len() == 24 && matches!(row.side, "bid" | "ask"), "{line}");
        }
        assert_eq!(here.len(), 5);
        symbols.extend(here);
    }
    assert_eq!((ids.len(), symbols.len()), (12_345, 100));
}

#[test]
fn prices_move_and_do_not_jump() {
    let csv = String::from_utf8(whole(Market::new(4, 100_000).unwrap(), "/ticks/00.csv")).unwrap();
    let prices: Vec<f64> = csv.lines().skip(1).step_by(5).map(|line| row(line).price).collect();
    let steps: Vec<f64> = prices.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    assert!(steps.iter().all(|step| *step < 5.0), "{steps:?}");
    assert!(steps.iter().filter(|step| **step > 0.0).count() > steps.len() / 2);
}

#[test]
fn the_checksum_does_not_depend_on_the_order_of_rows() {
    let csv = whole(Market::new(2, 3000).unwrap(), "/ticks/03.csv");
    let mut rows: Vec<Row<'_>> = str::from_utf8(&csv).unwrap().lines().skip(1).map(row).collect();
    let sum = |rows: &[Row<'_>]| {
        let mut checksum = Checksum::default();
        for row in rows {
            checksum.add(row);
        }
        checksum.value()
    };
    let before = sum(&rows);
    Rng::with_seed(5).shuffle(&mut rows);
    assert_eq!(sum(&rows), before);
    assert_ne!(sum(&rows[1..]), before, "a lost row");
    rows[1] = rows[0];
    assert_ne!(sum(&rows), before, "one row twice and another lost");
}

#[test]
fn the_checksum_sees_a_change_of_any_field() {
    let sum = |row: Row<'_>| {
        let mut checksum = Checksum::default();
        checksum.add(&row);
        checksum.value()
    };
    let row = Row { id: 1, symbol: "AB", ts: "C", price: 1.25, size: 2, side: "bid" };
    let others = [
        Row { id: 2, ..row },
        Row { symbol: "A", ts: "BC", ..row },
        Row { ts: "D", ..row },
        Row { price: 1.250_000_000_000_000_2, ..row },
        Row { size: 3, ..row },
        Row { side: "ask", ..row },
    ];
    for other in others {
        assert_ne!(sum(other), sum(row), "{other:?}");
    }
}

#[test]
fn a_row_is_encoded_as_documented() {
    let mut checksum = Checksum::default();
    checksum.add(&Row { id: 258, symbol: "AB", ts: "C", price: 1.0, size: -1, side: "bid" });
    let encoding = [
        &b"\x02\x01\0\0\0\0\0\0"[..],
        b"\x02\0\0\0\0\0\0\0AB",
        b"\x01\0\0\0\0\0\0\0C",
        b"\0\0\0\0\0\0\xf0\x3f",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x03\0\0\0\0\0\0\0bid",
    ];
    assert_eq!(checksum.value(), xxhash_rust::xxh3::xxh3_64(&encoding.concat()));
}

#[test]
fn ranges_are_read_as_the_standard_says() {
    let cases = [
        ("bytes=0-", Part::Bytes(0..100)),
        ("bytes=40-", Part::Bytes(40..100)),
        ("bytes=40-49", Part::Bytes(40..50)),
        ("bytes=40-1000", Part::Bytes(40..100)),
        ("bytes=-30", Part::Bytes(70..100)),
        ("bytes=-300", Part::Bytes(0..100)),
        ("bytes=100-", Part::Unsatisfiable),
        ("bytes=-0", Part::Unsatisfiable),
        ("bytes=50-40", Part::Whole),
        ("bytes=1-2,5-6", Part::Whole),
        ("bytes=+1-", Part::Whole),
        ("bytes=-", Part::Whole),
        ("rows=1-", Part::Whole),
    ];
    for (header, part) in cases {
        assert_eq!(Part::of(header, 100), part, "{header}");
    }
}

#[test]
fn faults_depend_on_seed_path_and_count_and_leave_room_to_finish() {
    for (level, in_a_row) in [(FaultLevel::Light, 1), (FaultLevel::Heavy, 2)] {
        let faults = |seed, path: &str| (0..40).map(|nth| level.fault(seed, path, nth)).collect::<Vec<_>>();
        let mut total = 0;
        for seed in 0..200 {
            let plan = faults(seed, "/ticks/00.csv");
            assert_eq!(plan, faults(seed, "/ticks/00.csv"));
            total += plan.iter().flatten().count();
            let longest = plan.split(Option::is_none).map(<[_]>::len).max();
            assert!(longest <= Some(in_a_row), "{level:?}, seed {seed}: {plan:?}");
            for fault in plan.iter().flatten() {
                if let Fault::Stall(time) | Fault::Body { fault: BodyFault::Stall(time), .. } = fault {
                    assert!(*time <= Duration::from_millis(1500));
                }
            }
        }
        assert!(total > 200, "{level:?}: {total} faults for 200 seeds");
        assert_ne!(faults(1, "/ticks/00.csv"), faults(2, "/ticks/00.csv"));
        assert_ne!(faults(1, "/ticks/00.csv"), faults(1, "/ticks/01.csv"));
    }
    assert!((0..40).all(|nth| FaultLevel::None.fault(1, "/ticks/00.csv", nth).is_none()));
}

#[tokio::test]
async fn more_rows_than_ids_are_an_error_that_says_so() {
    let config = ExchangeConfig { seed: 1, rows: MOST_ROWS + 1, faults: FaultLevel::None };
    let error = Exchange::start(config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with("9000000001 rows"), "{error}");
}

#[tokio::test]
async fn a_client_without_faults_receives_every_row_once() {
    let exchange = start(1, 10_007, FaultLevel::None);
    let (rows, checksum, requests) = receive(&exchange).await;
    let expected = Sent {
        rows: 10_007,
        checksum: checksum.value(),
        requests: FILES,
        faults_by_kind: BTreeMap::default(),
    };
    assert_eq!((rows, requests), (10_007, FILES));
    assert_eq!(exchange.summary(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_client_under_heavy_faults_receives_the_same_rows_in_bounded_time() {
    let mut kinds = BTreeSet::new();
    for seed in 1..=6 {
        let calm = start(seed, 6_000, FaultLevel::None).summary();
        let exchange = start(seed, 6_000, FaultLevel::Heavy);
        let before = Instant::now();
        let (rows, checksum, requests) = receive(&exchange).await;
        // One file after the other; a client that reads four at once takes a quarter.
        assert!(before.elapsed() < Duration::from_secs(40), "{:?}", before.elapsed());
        let sent = exchange.summary();
        assert_eq!((rows, checksum.value()), (calm.rows, calm.checksum));
        assert_eq!((sent.rows, sent.checksum, sent.requests), (calm.rows, calm.checksum, requests));
        assert!(sent.faults_by_kind.values().sum::<u64>() >= 10, "{:?}", sent.faults_by_kind);
        kinds.extend(sent.faults_by_kind.into_keys());

        let again = start(seed, 6_000, FaultLevel::Heavy);
        receive(&again).await;
        assert_eq!(again.summary().faults_by_kind, exchange.summary().faults_by_kind);
    }
    assert_eq!(kinds.len(), 8, "{kinds:?}");
}

#[tokio::test]
async fn an_answer_tells_its_length_its_tag_and_its_range() {
    let exchange = start(1, 1000, FaultLevel::None);
    let addr = exchange.addr();
    let whole = get(addr, "/ticks/00.csv", "").await;
    let len = whole.body.len();
    assert_eq!((whole.status(), whole.whole), (200, true));
    assert_eq!(whole.header("Accept-Ranges"), Some("bytes"));
    let etag = whole.header("ETag").unwrap();

    let part = get(addr, "/ticks/00.csv", "Range: bytes=100-\r\n").await;
    assert_eq!((part.status(), &part.body[..]), (206, &whole.body[100..]));
    assert_eq!(part.header("Content-Range").unwrap(), format!("bytes 100-{}/{len}", len - 1));

    let same = get(addr, "/ticks/00.csv", &format!("Range: bytes=9-9\r\nIf-Range: {etag}\r\n")).await;
    assert_eq!((same.status(), &same.body[..]), (206, &whole.body[9..10]));
    let other = get(addr, "/ticks/00.csv", "Range: bytes=9-9\r\nIf-Range: \"another\"\r\n").await;
    assert_eq!((other.status(), other.body.len()), (200, len));

    let beyond = get(addr, "/ticks/00.csv", &format!("Range: bytes={len}-\r\n")).await;
    assert_eq!((beyond.status(), beyond.header("Content-Range")), (416, Some(&*format!("bytes */{len}"))));
    assert_eq!(get(addr, "/ticks/20.csv", "").await.status(), 404);
    let head = request(addr, "HEAD /ticks/00.csv HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!((head.status(), head.header("Content-Length")), (200, Some(&*len.to_string())));
    let post = request(addr, "POST /ticks/00.csv HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").await.unwrap();
    assert_eq!((post.status(), post.header("Connection")), (405, Some("close")));
}

#[tokio::test]
async fn a_connection_is_kept_alive_until_the_client_asks_to_close_it() {
    let exchange = start(1, 1000, FaultLevel::None);
    let mut stream = TcpStream::connect(exchange.addr()).await.unwrap();
    for _ in 0..3 {
        let answer = exchange_words(&mut stream, "GET /ticks/01.csv HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(answer.whole && answer.header("Connection").is_none());
    }
    let request = "GET /ticks/01.csv HTTP/1.1\r\nConnection: close\r\n\r\n";
    let answer = exchange_words(&mut stream, request).await.unwrap();
    assert!(answer.whole && answer.header("Connection") == Some("close"));
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let exchange = start(1, 1000, FaultLevel::None);
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(10_000));
    assert_eq!(request(exchange.addr(), &endless).await.unwrap().status(), 431);
}
