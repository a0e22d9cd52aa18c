//! Behind pgbouncer in transaction mode, of a version that keeps no prepared statements.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use seawall_core::FailureKind;
use seawall_sql::{Pooler, Row, Sql};
use seawall_testkit::servers::{Binary, postgres_url};

use crate::support::{batch, connect_with, count};

/// A pgbouncer with two connections to a server for all its clients. It ends with the test.
struct Bouncer {
    child: Child,
    _folder: tempfile::TempDir,
    url: String,
}

impl Bouncer {
    fn start(server: &str) -> Self {
        let binary = Binary { name: "pgbouncer", package: "pgbouncer" }.find().unwrap();
        let mut url = url::Url::parse(server).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("pgbouncer.ini");
        let mut file = std::fs::File::create(&config).unwrap();
        writeln!(
            file,
            "[databases]\n* = host={} port={} user={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n",
            url.host_str().unwrap(),
            url.port().unwrap(),
            url.username(),
        )
        .unwrap();
        // It does not run as root, and its user has to read its configuration.
        let mut permissions = std::fs::metadata(folder.path()).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        std::fs::set_permissions(folder.path(), permissions).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0 {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        }
        let child = command
            .arg("--")
            .args([binary.as_os_str(), "-q".as_ref(), config.as_os_str()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        url.set_port(Some(port)).unwrap();
        url.query_pairs_mut().append_pair("sslmode", "disable");
        Self { child, _folder: folder, url: url.into() }
    }

    async fn connect(&self) -> Sql {
        let address = url::Url::parse(&self.url).unwrap();
        let listens = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", address.port().unwrap())).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(3), listens).await.expect("pgbouncer does not listen");
        connect_with(&self.url, |config| config.pool.pooler = Pooler::Transaction).await
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        // It is gone already, or it goes now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// Several threads, as pgbouncer ends with the one that started it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_transaction_mode_serves_many_callers_by_few_processes() {
    let bouncer = Bouncer::start(&postgres_url().unwrap());
    // Two clients, as two programs would be: statements by name would collide.
    let (one, two) = (bouncer.connect().await, bouncer.connect().await);
    one.execute("create table t (id integer primary key, name text, key uuid, n numeric)").await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for id in 0..120 {
        let sql = if id % 2 == 0 { one.clone() } else { two.clone() };
        callers.spawn(async move {
            let text = "insert into t values (:id, :name, :key::uuid, :n::numeric)";
            sql.execute(text)
                .bind("id", id)
                .bind("name", format!("n{id}"))
                .bind("key", if id % 3 == 0 { None } else { Some("550e8400-e29b-41d4-a716-446655440000") })
                .bind("n", "1.5")
                .await
                .unwrap();
            let row: Row =
                sql.query("select name, n from t where id = :id").bind("id", id).fetch_one().await.unwrap();
            assert_eq!(row.get::<String>("name").unwrap(), format!("n{id}"));
            let mut transaction = sql.begin().await.unwrap();
            transaction
                .execute("update t set name = :name where id = :id")
                .bind("id", id)
                .bind("name", "x")
                .await
                .unwrap();
            if id % 4 == 0 {
                transaction.rollback().await.unwrap();
            } else {
                transaction.commit().await.unwrap();
            }
        });
    }
    callers.join_all().await;
    let changed: (i64,) = two.query("select count(*) from t where name = 'x'").fetch_one().await.unwrap();
    assert_eq!((count(&one, "t").await, changed.0), (120, 90));
    // What fails leaves the process that it had to others in order.
    let twice = one.execute("insert into t (id) values (1)").await.unwrap_err();
    assert_eq!(twice.kind(), FailureKind::Permanent);
    assert_eq!(one.table("t").await.unwrap().unwrap().columns.len(), 4);
    let mut transaction = two.begin().await.unwrap();
    let table = one.table("t").await.unwrap().unwrap();
    let load = transaction.bulk_insert(&table, &batch(4, &[seawall_sql::Cell::Null; 4])).await.unwrap_err();
    assert!(load.to_string().contains("connect past it"), "{load}");
    drop(transaction);
    let stats = one.stats().unwrap().writer;
    assert_eq!(stats.destroyed, 0, "{stats:?}");
}
