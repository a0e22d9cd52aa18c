//! Each server starts, answers, is killed and comes back with what it had acknowledged.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use seawall_testkit::servers::{self, MariaDb, Postgres, Redis};

#[test]
fn postgres_keeps_what_it_acknowledged_over_a_kill() {
    let mut server = Postgres::start().unwrap();
    let addr = server.addr();
    psql(&server.url(), "create table t (a int); insert into t values (42)").unwrap();

    server.kill();
    assert!(TcpStream::connect(addr).is_err(), "a killed server answers");
    server.restart().unwrap();

    assert_eq!(server.addr(), addr);
    assert_eq!(psql(&server.url(), "select a from t").unwrap(), "42");
}

#[test]
fn mariadb_keeps_what_it_acknowledged_over_a_kill() {
    let mut server = MariaDb::start().unwrap();
    let addr = server.addr();
    mariadb(&server.url(), "create table t (a int); insert into t values (42)").unwrap();

    server.kill();
    assert!(TcpStream::connect(addr).is_err(), "a killed server answers");
    server.restart().unwrap();

    assert_eq!(server.addr(), addr);
    assert_eq!(mariadb(&server.url(), "select a from t").unwrap(), "42");
}

#[test]
fn redis_keeps_what_it_acknowledged_over_a_kill() {
    let mut server = Redis::start().unwrap();
    let addr = server.addr();
    assert_eq!(redis(&server.url(), "SET a 42"), "+OK");

    server.kill();
    assert!(TcpStream::connect(addr).is_err(), "a killed server answers");
    server.restart().unwrap();

    assert_eq!(server.addr(), addr);
    assert_eq!(redis(&server.url(), "STRLEN a"), ":2");
}

#[test]
fn a_stopped_server_is_silent_and_comes_back() {
    let mut server = Redis::start().unwrap();
    redis(&server.url(), "SET a 42");
    server.stop();
    assert!(TcpStream::connect(server.addr()).is_err());
    server.restart().unwrap();
    assert_eq!(redis(&server.url(), "STRLEN a"), ":2");
    // Running or not, a restart is a restart.
    server.restart().unwrap();
    assert_eq!(redis(&server.url(), "STRLEN a"), ":2");
}

#[test]
fn a_dropped_server_is_silent() {
    let server = Redis::start().unwrap();
    let addr = server.addr();
    drop(server);
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn two_tests_never_share_a_postgres_database() {
    let (one, other) = (servers::postgres_url().unwrap(), servers::postgres_url().unwrap());
    psql(&one, "create table t (a int)").unwrap();
    assert!(psql(&other, "select * from t").unwrap_err().contains("does not exist"));
    psql(&other, "create table t (a int)").unwrap();
}

#[test]
fn two_tests_never_share_a_mariadb_database() {
    let (one, other) = (servers::mariadb_url().unwrap(), servers::mariadb_url().unwrap());
    mariadb(&one, "create table t (a int)").unwrap();
    assert!(mariadb(&other, "select * from t").unwrap_err().contains("doesn't exist"));
    mariadb(&other, "create table t (a int)").unwrap();
}

#[test]
fn two_tests_never_share_a_redis_database() {
    let (one, other) = (servers::redis_url().unwrap(), servers::redis_url().unwrap());
    assert_eq!(redis(&one, "SET a 42"), "+OK");
    assert_eq!(redis(&one, "DBSIZE"), ":1");
    assert_eq!(redis(&other, "DBSIZE"), ":0");
}

#[test]
fn a_shared_server_outlives_the_test_that_started_it() {
    let url = thread::spawn(|| servers::redis_url().unwrap()).join().unwrap();
    assert_eq!(redis(&url, "SET a 42"), "+OK");
}

/// Runs itself again as a process that starts a server and is killed.
#[test]
fn a_killed_test_process_leaves_neither_server_nor_folder() {
    const NAME: &str = "servers::a_killed_test_process_leaves_neither_server_nor_folder";
    const MARK: &str = "the victim's server: ";
    if env::var_os("SEAWALL_TESTKIT_VICTIM").is_some() {
        let server = Redis::start().unwrap();
        println!("\n{MARK}{}", server.url());
        loop {
            thread::park();
        }
    }

    let folder = tempfile::tempdir().unwrap();
    // The server may run as another user than we do, and must get through to its own folder.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
    let mut victim = Command::new(env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env("SEAWALL_TESTKIT_VICTIM", "yes")
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let url =
        lines.map_while(Result::ok).find_map(|line| line.strip_prefix(MARK).map(str::to_owned)).unwrap();
    let addr = url.trim_start_matches("redis://").trim_end_matches("/0").to_owned();
    assert!(TcpStream::connect(&addr).is_ok());
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);

    victim.kill().unwrap();
    victim.wait().unwrap();
    wait_until("the server is gone", || TcpStream::connect(&addr).is_err());
    wait_until("its folder is gone", || folder.path().read_dir().unwrap().count() == 0);
}

fn psql(url: &str, sql: &str) -> Result<String, String> {
    let mut psql = Command::new("psql");
    said(psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--dbname", url, "--command", sql]))
}

/// `mysql://root@127.0.0.1:PORT/DATABASE`, of which the client wants the parts.
fn mariadb(url: &str, sql: &str) -> Result<String, String> {
    let url = url::Url::parse(url).unwrap();
    let mut mariadb = Command::new("mariadb");
    mariadb.args(["--no-defaults", "--skip-column-names", "--batch", "--host=127.0.0.1"]);
    mariadb.arg(format!("--user={}", url.username())).arg(format!("--port={}", url.port().unwrap()));
    said(mariadb.arg(format!("--execute={sql}")).arg(url.path().trim_start_matches('/')))
}

fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The answer's one line.
fn redis(url: &str, command: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    let mut stream = TcpStream::connect(url.socket_addrs(|| None).unwrap()[0]).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let database = url.path().trim_start_matches('/');
    write!(stream, "SELECT {database}\r\n{command}\r\nQUIT\r\n").unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    answers.lines().nth(1).unwrap().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for, which no paused clock moves")]
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("not within 20 s: {what}");
}
