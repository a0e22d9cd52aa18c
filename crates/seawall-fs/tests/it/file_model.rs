//! An open file against a model of it, over random calls, dropped at random points.

use std::io::SeekFrom;

use bytes::Bytes;
use proptest::prelude::*;
use seawall_fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{drop_after, with_chunks_of};

#[derive(Clone, Debug)]
enum Call {
    Write(Vec<u8>),
    WriteByTokio(Vec<u8>),
    WriteAt(u64, Vec<u8>),
    Read(usize),
    ReadByTokio(usize),
    ReadExactly(usize),
    ReadLine,
    ReadAt(u64, usize),
    Seek(u64),
    SeekBy(i64),
    SeekFromEnd(i64),
    SetLen(u64),
    Flush,
    Sync,
    /// The call before, polled so often and dropped, wherever that leaves it.
    Dropped(usize, Box<Call>),
}

/// What the file must hold and where its cursor must be.
#[derive(Default)]
struct Model {
    content: Vec<u8>,
    position: usize,
}

impl Model {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            let end = at + bytes.len();
            self.content.resize(self.content.len().max(end), 0);
            self.content[at..end].copy_from_slice(bytes);
        }
    }

    fn ahead(&self, at: usize) -> &[u8] {
        self.content.get(at..).unwrap_or(&[])
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    // With ends of lines among them, and longer than the chunks at times.
    prop::collection::vec(prop_oneof![4 => any::<u8>(), 1 => Just(b'\n'), 1 => Just(b'\r')], 0..60)
}

fn call() -> impl Strategy<Value = Call> {
    let whole = prop_oneof![
        4 => bytes().prop_map(Call::Write),
        2 => bytes().prop_map(Call::WriteByTokio),
        2 => (0_u64..150, bytes()).prop_map(|(at, bytes)| Call::WriteAt(at, bytes)),
        3 => (0_usize..80).prop_map(Call::Read),
        2 => (0_usize..80).prop_map(Call::ReadByTokio),
        1 => (0_usize..80).prop_map(Call::ReadExactly),
        2 => Just(Call::ReadLine),
        2 => (0_u64..200, 0_usize..80).prop_map(|(at, count)| Call::ReadAt(at, count)),
        2 => (0_u64..200).prop_map(Call::Seek),
        1 => (-50_i64..50).prop_map(Call::SeekBy),
        1 => (-50_i64..50).prop_map(Call::SeekFromEnd),
        1 => (0_u64..200).prop_map(Call::SetLen),
        1 => Just(Call::Flush),
        1 => Just(Call::Sync),
    ];
    let dropped = (0_usize..4, whole.clone()).prop_map(|(polls, call)| Call::Dropped(polls, Box::new(call)));
    prop_oneof![3 => whole, 1 => dropped]
}

/// Does a call and holds it against the model. Reads of tokio may give less than there is.
async fn check(file: &mut File, model: &mut Model, call: &Call) {
    match call {
        Call::Write(bytes) => {
            file.write_bytes(bytes.clone()).await.unwrap();
            model.write(model.position, bytes);
            model.position += bytes.len();
        }
        Call::WriteByTokio(bytes) => {
            file.write_all(bytes).await.unwrap();
            model.write(model.position, bytes);
            model.position += bytes.len();
        }
        Call::WriteAt(at, bytes) => {
            // What is gathered lands when it lands; so it is put in its place before.
            file.flush().await.unwrap();
            file.write_at(*at, bytes.clone()).await.unwrap();
            model.write(*at as usize, bytes);
        }
        Call::Read(max) => {
            let read = file.read_bytes(*max).await.unwrap();
            let ahead = model.ahead(model.position);
            assert!(ahead.starts_with(&read), "{read:?} of {ahead:?}");
            assert_eq!(read.is_empty(), *max == 0 || ahead.is_empty());
            model.position += read.len();
        }
        Call::ReadByTokio(max) => {
            let mut buffer = vec![0; *max];
            let read = file.read(&mut buffer).await.unwrap();
            let ahead = model.ahead(model.position);
            assert!(ahead.starts_with(&buffer[..read]));
            assert_eq!(read == 0, *max == 0 || ahead.is_empty());
            model.position += read;
        }
        Call::ReadExactly(count) => {
            let expected = model.ahead(model.position).get(..*count);
            let read = file.read_exactly(*count).await;
            assert_eq!(read.as_deref().ok(), expected);
            model.position += read.map_or(0, |read| read.len());
        }
        Call::ReadLine => {
            let ahead = model.ahead(model.position);
            let whole = ahead.split_inclusive(|byte| *byte == b'\n').next();
            let line = whole
                .map(|line| line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")).unwrap_or(line));
            assert_eq!(file.next_line(1000).await.unwrap().as_deref(), line);
            model.position += whole.map_or(0, <[u8]>::len);
        }
        Call::ReadAt(at, count) => {
            file.flush().await.unwrap();
            let ahead = model.ahead(*at as usize);
            assert_eq!(file.read_at(*at, *count).await.unwrap(), ahead[..ahead.len().min(*count)]);
        }
        Call::Seek(to) => {
            assert_eq!(file.seek(SeekFrom::Start(*to)).await.unwrap(), *to);
            model.position = *to as usize;
        }
        Call::SeekBy(by) => {
            let to = (model.position as u64).checked_add_signed(*by);
            assert_eq!(file.seek(SeekFrom::Current(*by)).await.ok(), to);
            model.position = to.map_or(model.position, |to| to as usize);
        }
        Call::SeekFromEnd(by) => {
            let to = (model.content.len() as u64).checked_add_signed(*by);
            assert_eq!(file.seek(SeekFrom::End(*by)).await.ok(), to);
            model.position = to.map_or(model.position, |to| to as usize);
        }
        Call::SetLen(length) => {
            file.set_len(*length).await.unwrap();
            model.content.resize(*length as usize, 0);
        }
        Call::Flush => file.flush().await.unwrap(),
        Call::Sync => file.sync_data().await.unwrap(),
        Call::Dropped(polls, call) => Box::pin(check_dropped(file, model, *polls, call)).await,
    }
}

/// Polls a call so often, drops it, and holds what it may have done against the model: all of it or nothing.
async fn check_dropped(file: &mut File, model: &mut Model, polls: usize, call: &Call) {
    match call {
        Call::Write(bytes) => {
            let taken = drop_after(polls, file.write_bytes(bytes.clone())).await.is_some();
            if taken {
                model.write(model.position, bytes);
                model.position += bytes.len();
            }
        }
        Call::Read(max) => {
            let read = drop_after(polls, file.read_bytes(*max)).await.map_or(Bytes::new(), Result::unwrap);
            assert!(model.ahead(model.position).starts_with(&read));
            model.position += read.len();
        }
        Call::ReadExactly(count) => {
            if let Some(Ok(read)) = drop_after(polls, file.read_exactly(*count)).await {
                assert_eq!(Some(&*read), model.ahead(model.position).get(..*count));
                model.position += read.len();
            }
        }
        Call::ReadByTokio(max) => {
            let mut buffer = vec![0; *max];
            if let Some(Ok(read)) = drop_after(polls, file.read(&mut buffer)).await {
                assert!(model.ahead(model.position).starts_with(&buffer[..read]));
                model.position += read;
            }
        }
        Call::ReadLine => {
            let before = file.position();
            drop_after(polls, file.next_line(1000)).await;
            model.position += (file.position() - before) as usize;
        }
        Call::Seek(to) => {
            if drop_after(polls, file.seek(SeekFrom::Start(*to))).await.is_some() {
                model.position = *to as usize;
            }
        }
        Call::SetLen(length) => {
            drop_after(polls, file.set_len(*length)).await;
            // Done or not, it is over before the next call does anything.
            file.flush().await.unwrap();
            let now = file.metadata().await.unwrap().len() as usize;
            assert!(now == *length as usize || now == model.content.len());
            model.content.resize(now, 0);
        }
        Call::Flush | Call::Sync => drop(drop_after(polls, file.flush()).await),
        // What is written by position may land a little later, as it says; so it is not dropped here.
        whole => check(file, model, whole).await,
    }
    assert_eq!(file.position(), model.position as u64);
}

proptest! {
    // Where the threads are quick matters, so that a failure's seed alone does not bring it back.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn whatever_is_called_and_dropped_the_file_holds_what_was_taken_over(
        calls in prop::collection::vec(call(), 0..40),
        chunk in 1_usize..100,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("file");
            let fs = with_chunks_of(chunk);
            let mut file = fs.open(&path, OpenOptions::writing().read(true)).await.unwrap();
            let mut model = Model::default();
            for call in &calls {
                check(&mut file, &mut model, call).await;
                assert_eq!(file.position(), model.position as u64, "{call:?}");
            }
            file.close().await.unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), model.content);
            assert_eq!(fs.losses().bytes, 0);
        });
    }
}
