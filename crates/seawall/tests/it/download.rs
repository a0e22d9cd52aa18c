//! Downloads from a server with ranges and versions, whose bodies break as the test says.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use seawall::core::FailureKind;
use seawall::fs::{Durability, LockKind, OpenOptions};
use seawall::transfer::{Received, TransferProgress, resume_path};

use crate::support::in_memory;

/// What the server holds, and how it answers.
#[derive(Clone)]
struct Document {
    content: Bytes,
    etag: &'static str,
    /// A body breaks off after so many bytes; at 0 there is no answer but 500.
    breaks_after: usize,
    ranges: bool,
    /// Whether the length is announced.
    sized: bool,
}

#[derive(Clone)]
struct Server {
    document: Arc<Mutex<Document>>,
    /// The `Range` headers of all requests.
    asked: Arc<Mutex<Vec<Option<String>>>>,
    url: String,
}

impl Server {
    async fn start(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let document =
            Document { content, etag: "\"one\"", breaks_after: usize::MAX, ranges: true, sized: true };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/document", listener.local_addr().unwrap());
        let server = Self { document: Arc::new(Mutex::new(document)), asked: Arc::default(), url };
        let app = Router::new().route("/document", get(answer)).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    fn change(&self, change: impl FnOnce(&mut Document)) {
        change(&mut self.document.lock().unwrap());
    }

    fn asked(&self) -> Vec<Option<String>> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

async fn answer(State(server): State<Server>, headers: HeaderMap) -> Response<Body> {
    let Document { content, etag, breaks_after, ranges, sized } = server.document.lock().unwrap().clone();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    server.asked.lock().unwrap().push(text(header::RANGE).map(str::to_owned));
    let mut response = Response::builder().header(header::ETAG, etag);
    if breaks_after == 0 {
        return response.status(StatusCode::INTERNAL_SERVER_ERROR).body(Body::empty()).unwrap();
    }
    if ranges {
        response = response.header(header::ACCEPT_RANGES, "bytes");
    }
    let fresh = text(header::IF_RANGE).is_none_or(|condition| condition == etag);
    let range = text(header::RANGE).filter(|_| fresh && ranges).map(|range| {
        let (from, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let end = last.parse::<usize>().map_or(content.len(), |last| last + 1);
        from.parse::<usize>().unwrap()..end
    });
    let part = match range {
        Some(range) => {
            let what = format!("bytes {}-{}/{}", range.start, range.end - 1, content.len());
            response = response.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, what);
            content.slice(range)
        }
        None => content,
    };
    if sized {
        response = response.header(header::CONTENT_LENGTH, part.len());
    }
    let sent = part.slice(..part.len().min(breaks_after));
    let broken = sent.len() < part.len();
    let rest = stream::iter(broken.then(|| Err(std::io::Error::other("the server broke off"))));
    // What was sent leaves the server before it breaks off.
    let rest = rest.then(async |end| {
        tokio::time::sleep(Duration::from_millis(1)).await;
        end
    });
    response.body(Body::from_stream(stream::iter([Ok(sent)]).chain(rest))).unwrap()
}

/// Bytes of which no two blocks are the same.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

const MIB: usize = 1024 * 1024;

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_small_file_arrives_whole_although_its_body_breaks() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let (server, target) = (Server::start(content(10_000)).await, folder.path().join("small"));
    server.change(|document| document.breaks_after = 4000);
    let progress = Arc::new(TransferProgress::default());
    let done = io.download(&server.url, &target).progress(Arc::clone(&progress)).run().await.unwrap();
    assert_eq!((done.bytes, done.kept, done.version.as_deref()), (10_000, 0, Some("\"one\"")));
    assert_eq!(std::fs::read(&target).unwrap(), content(10_000));
    assert_eq!(names(folder.path()), ["small"]);
    let now = progress.snapshot();
    assert_eq!((now.bytes, now.expected, now.resumed), (10_000, 10_000, 2));
}

#[tokio::test]
async fn a_large_file_comes_in_parts_over_several_connections() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let bytes = content(40 * MIB + 17);
    let (server, target) = (Server::start(bytes.clone()).await, folder.path().join("large"));
    let connections = NonZeroUsize::new(4).unwrap();
    let done = io.download(&server.url, &target).connections(connections).run().await.unwrap();
    assert_eq!(done.bytes, bytes.len() as u64);
    assert!(std::fs::read(&target).unwrap() == bytes);
    assert_eq!(names(folder.path()), ["large"]);
    let mut asked = server.asked();
    asked.sort_unstable();
    // 16 MiB are the least for a connection of its own, so there are two.
    assert_eq!(asked, [None, Some("bytes=20971528-41943056".to_owned())]);
}

#[tokio::test]
async fn a_download_that_was_given_up_goes_on_where_it_was_the_next_time() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let bytes = content(5 * MIB);
    let (server, target) = (Server::start(bytes.clone()).await, folder.path().join("file"));
    std::fs::write(&target, "old").unwrap();
    server.change(|document| document.breaks_after = 2 * MIB);
    let download = || io.download(&server.url, &target).patience(Duration::ZERO);
    let error = download().run().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient, "{error}");
    assert_eq!(std::fs::read(&target).unwrap(), b"old");
    server.asked();

    server.change(|document| document.breaks_after = usize::MAX);
    let done = download().run().await.unwrap();
    assert_eq!((done.bytes, done.kept), (5 * MIB as u64, 2 * MIB as u64));
    assert_eq!(server.asked(), [Some(format!("bytes={}-", 2 * MIB))]);
    assert!(std::fs::read(&target).unwrap() == bytes);
    assert_eq!(names(folder.path()), ["file"]);
}

#[tokio::test]
async fn what_was_begun_of_another_version_or_address_is_not_used() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let (server, target) = (Server::start(content(5 * MIB)).await, folder.path().join("file"));
    server.change(|document| document.breaks_after = 2 * MIB);
    io.download(&server.url, &target).patience(Duration::ZERO).run().await.unwrap_err();
    let other = vec![7; 3 * MIB];
    server.change(|document| {
        (document.content, document.etag, document.breaks_after) =
            (other.clone().into(), "\"two\"", usize::MAX);
    });
    let done = io.download(&server.url, &target).run().await.unwrap();
    assert_eq!((done.bytes, done.kept), (3 * MIB as u64, 0));
    assert!(std::fs::read(&target).unwrap() == other);

    server.change(|document| document.breaks_after = MIB);
    io.download(&server.url, &target).patience(Duration::ZERO).run().await.unwrap_err();
    server.change(|document| document.breaks_after = usize::MAX);
    let done = io.download(format!("{}?other", server.url), &target).run().await.unwrap();
    assert_eq!(done.kept, 0);
}

#[tokio::test]
async fn a_document_that_changes_half_way_is_fetched_anew_and_never_mixed() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let (server, target) = (Server::start(content(5 * MIB)).await, folder.path().join("file"));
    server.change(|document| document.breaks_after = 2 * MIB);
    let changing = server.clone();
    let change = tokio::spawn(async move {
        while changing.asked.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        changing.change(|document| {
            document.content = vec![7; 5 * MIB].into();
            (document.etag, document.breaks_after) = ("\"two\"", usize::MAX);
        });
    });
    let progress = Arc::new(TransferProgress::default());
    io.download(&server.url, &target).progress(Arc::clone(&progress)).run().await.unwrap();
    change.await.unwrap();
    assert!(std::fs::read(&target).unwrap() == vec![7; 5 * MIB]);
    assert_eq!(progress.snapshot().bytes, 5 * MIB as u64, "what was worth nothing is not counted");
}

#[tokio::test]
async fn a_wrong_checksum_leaves_the_old_file_and_nothing_to_go_on_with() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    for length in [100, 3 * MIB] {
        let (server, target) = (Server::start(vec![0; length]).await, folder.path().join("file"));
        std::fs::write(&target, "old").unwrap();
        let wrong = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
        let error = io.download(&server.url, &target).checksum(wrong).run().await.unwrap_err();
        assert!(error.to_string().contains("the checksum is sha256:"), "{error}");
        assert_eq!(std::fs::read(&target).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["file"]);

        let right =
            error.to_string().split_whitespace().find(|word| word.starts_with("sha256:")).unwrap().to_owned();
        let right = right.trim_end_matches(',').parse().unwrap();
        io.download(&server.url, &target).checksum(right).run().await.unwrap();
        assert!(std::fs::read(&target).unwrap() == vec![0; length]);
    }
}

#[tokio::test]
async fn a_file_without_an_announced_length_comes_too_but_not_beyond_the_largest_size() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let bytes = content(3 * MIB);
    let (server, target) = (Server::start(bytes.clone()).await, folder.path().join("file"));
    server.change(|document| document.sized = false);
    let done = io.download(&server.url, &target).run().await.unwrap();
    assert_eq!(done.bytes, bytes.len() as u64);
    assert!(std::fs::read(&target).unwrap() == bytes);
    for sized in [true, false] {
        server.change(|document| document.sized = sized);
        let error = io.download(&server.url, &target).max_size(MIB as u64).run().await.unwrap_err();
        assert!(error.to_string().contains("larger than the 1048576 bytes allowed"), "{error}");
    }
    assert!(std::fs::read(&target).unwrap() == bytes);
}

#[tokio::test]
async fn a_dropped_download_leaves_the_file_as_it_was_and_the_next_one_succeeds() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let bytes = content(3 * MIB);
    let (server, target) = (Server::start(bytes.clone()).await, folder.path().join("file"));
    std::fs::write(&target, "old").unwrap();
    for polls in 1..40 {
        let mut download = Box::pin(io.download(&server.url, &target).run());
        for _ in 0..polls {
            if futures_util::poll!(&mut download).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(download);
        let there = std::fs::read(&target).unwrap();
        assert!(there == b"old" || there == bytes, "{} bytes after {polls} polls", there.len());
    }
    io.download(&server.url, &target).run().await.unwrap();
    assert!(std::fs::read(&target).unwrap() == bytes);
    assert_eq!(names(folder.path()), ["file"]);
}

#[tokio::test]
async fn what_was_received_is_not_in_place_until_it_is_put_there_and_outlives_being_dropped_if_it_is_long() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let (server, target) = (Server::start(content(3 * MIB)).await, folder.path().join("file"));
    std::fs::write(&target, "old").unwrap();
    let progress = Arc::new(TransferProgress::default());
    let download = || io.download(&server.url, &target).progress(Arc::clone(&progress));
    let received = download().receive().await.unwrap();
    assert_eq!(received.bytes(), 3 * MIB as u64);
    assert_eq!(std::fs::read(&target).unwrap(), b"old");
    drop(received);
    assert_eq!(std::fs::read(&target).unwrap(), b"old");
    assert_eq!(progress.snapshot().bytes, 0, "what is not in place does not count");
    assert_eq!(server.asked().len(), 1);

    let done = download().receive().await.unwrap().put_in_place().await.unwrap();
    assert_eq!((done.bytes, done.kept), (3 * MIB as u64, 3 * MIB as u64));
    assert!(server.asked().is_empty(), "everything was there");
    assert_eq!(progress.snapshot().bytes, 3 * MIB as u64);
    assert!(std::fs::read(&target).unwrap() == content(3 * MIB));
    assert_eq!(names(folder.path()), ["file"]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_was_not_synced_is_gone_on_with_until_the_machine_is_started_again() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let (server, target) = (Server::start(content(3 * MIB)).await, folder.path().join("file"));
    let download = || io.download(&server.url, &target).durability(Durability::None);
    drop(download().receive().await.unwrap());
    server.asked();
    drop(download().receive().await.unwrap());
    assert!(server.asked().is_empty(), "everything was there");

    let description = resume_path(&target);
    let text = std::fs::read_to_string(&description).unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert!(text.contains(boot.trim()), "{text}");
    std::fs::write(&description, text.replace(boot.trim(), "another-boot")).unwrap();
    assert_eq!(download().run().await.unwrap().kept, 0);
    assert_eq!(server.asked(), [None]);
    assert!(std::fs::read(&target).unwrap() == content(3 * MIB));
    assert_eq!(names(folder.path()), ["file"]);
}

#[tokio::test]
async fn many_are_put_in_their_places_together_each_with_its_own_result_in_order() {
    let io = in_memory().await;
    let (small, large) = (Server::start("small").await, Server::start(content(3 * MIB)).await);
    let progress = Arc::new(TransferProgress::default());
    for count in [0, 3, 40] {
        for durability in [Durability::None, Durability::Data, Durability::Full] {
            let folder = tempfile::tempdir().unwrap();
            let mut received = Vec::new();
            for number in 0..count {
                let server = if number % 10 == 1 { &large } else { &small };
                let target = folder.path().join(number.to_string());
                let download = io.download(&server.url, &target).durability(durability);
                received.push(download.progress(Arc::clone(&progress)).receive().await.unwrap());
                if number == 2 {
                    std::fs::create_dir(&target).unwrap();
                }
            }
            let results = Received::put_all_in_place(received).await;
            assert_eq!(results.len(), count);
            for (number, result) in results.into_iter().enumerate() {
                let (target, is_large) = (folder.path().join(number.to_string()), number % 10 == 1);
                if number == 2 {
                    assert!(result.unwrap_err().to_string().contains("not a regular file"));
                } else if is_large {
                    assert_eq!(result.unwrap().bytes, 3 * MIB as u64);
                    assert!(std::fs::read(target).unwrap() == content(3 * MIB));
                } else {
                    assert_eq!(result.unwrap().bytes, 5);
                    assert_eq!(std::fs::read(target).unwrap(), b"small");
                }
            }
            assert_eq!(names(folder.path()).len(), count, "nothing is left beside them");
        }
    }
    let small_ones = 3 * (1 + 35);
    let large_ones = 3 * (1 + 4);
    assert_eq!(progress.snapshot().bytes, small_ones * 5 + large_ones * 3 * MIB as u64);
}

#[tokio::test]
async fn what_another_download_wrote_down_while_this_one_waited_for_the_file_is_gone_on_with() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let (server, target) = (Server::start(content(3 * MIB)).await, folder.path().join("file"));
    drop(io.download(&server.url, &target).receive().await.unwrap());
    server.asked();
    let description = std::fs::read_to_string(resume_path(&target)).unwrap();
    let write_down = |position: usize| {
        let text =
            description.replace(&format!("\"position\":{}", 3 * MIB), &format!("\"position\":{position}"));
        assert!(position == 3 * MIB || text != description, "{text}");
        std::fs::write(resume_path(&target), text).unwrap();
    };
    write_down(MIB);
    let part = folder.path().join(".file.seawall-part");
    let held = io.fs().open(&part, OpenOptions::new().read(true).write(true)).await.unwrap();
    let lock = held.lock(LockKind::Exclusive).await.unwrap();
    let waiting = tokio::spawn(io.download(&server.url, &target).run());
    let mut asked = Vec::new();
    while asked.is_empty() {
        tokio::task::yield_now().await;
        asked = server.asked();
    }
    write_down(2 * MIB);
    drop((lock, held));
    assert_eq!(waiting.await.unwrap().unwrap().kept, 2 * MIB as u64);
    asked.extend(server.asked());
    assert_eq!(asked, [MIB, 2 * MIB].map(|from| Some(format!("bytes={from}-"))));
    assert!(std::fs::read(&target).unwrap() == content(3 * MIB));
}

#[tokio::test]
async fn two_downloads_into_one_file_do_not_meet() {
    let (io, folder) = (in_memory().await, tempfile::tempdir().unwrap());
    let bytes = content(3 * MIB);
    let (server, target) = (Server::start(bytes.clone()).await, folder.path().join("file"));
    let download = || io.download(&server.url, &target).run();
    let (one, other) = tokio::join!(download(), download());
    one.unwrap();
    other.unwrap();
    assert!(std::fs::read(&target).unwrap() == bytes);
}
