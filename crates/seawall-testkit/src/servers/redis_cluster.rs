use std::io;

use super::redis::Connection;
use super::{Redis, SetTls, port, process};

/// How many slots a cluster has.
const SLOTS: usize = 16384;

/// A Redis cluster of your own, with the slots in equal parts; no password.
///
/// A server that is silent for a second is given up, and its replica takes its place; without one its slots are not
/// served, and the others are.
#[derive(Debug)]
pub struct RedisCluster {
    /// The servers: first those with slots, in the order of these; then the replicas of the first ones.
    pub nodes: Vec<Redis>,
    /// How clients are to reach the first one.
    url: String,
}

impl RedisCluster {
    /// Starts one, and waits until every server knows all others and who has which slot.
    ///
    /// # Errors
    /// As [`Server::start`](super::Server::start), or that they do not find each other.
    pub fn start(primaries: usize, replicas: usize) -> io::Result<Self> {
        Self::launch(primaries, replicas, None)
    }

    /// The same by TLS: to clients, and among themselves. The servers call each other by the name that their
    /// certificates are made out to.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with_tls(primaries: usize, replicas: usize, tls: SetTls<'_>) -> io::Result<Self> {
        Self::launch(primaries, replicas, Some(tls))
    }

    fn launch(primaries: usize, replicas: usize, tls: Option<SetTls<'_>>) -> io::Result<Self> {
        let mut ports = Vec::new();
        let mut nodes = Vec::new();
        for _ in 0..primaries + replicas {
            let (node, port) = serve(tls)?;
            ports.push(port);
            nodes.push(node);
        }
        let url = match (tls, ports[0].tls) {
            (Some(tls), Some(port)) => format!("rediss-cluster://{}:{port}", tls.servers),
            _ => format!("redis-cluster://{}", nodes[0].addr()),
        };
        let cluster = Self { nodes, url };
        for (number, (node, ports)) in cluster.nodes.iter().zip(ports).enumerate() {
            let mut connection = Connection::open(node.addr())?;
            // No two may have the same, and it takes them a while to find out.
            connection.ask(&format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1))?;
            if number < primaries {
                let first = number * SLOTS / primaries;
                let last = (number + 1) * SLOTS / primaries - 1;
                connection.ask(&format!("CLUSTER ADDSLOTSRANGE {first} {last}"))?;
            }
            let met = cluster.nodes[0].addr();
            // The first one is told of each of the others.
            if number > 0 {
                let (host, port) = (node.addr().ip(), ports.tls.unwrap_or(node.addr().port()));
                Connection::open(met)?.ask(&format!("CLUSTER MEET {host} {port} {}", ports.bus))?;
            }
        }
        cluster.wait("cluster_known_nodes", cluster.nodes.len())?;
        for replica in 0..replicas {
            let primary = cluster.id(replica)?;
            let mut connection = Connection::open(cluster.nodes[primaries + replica].addr())?;
            connection.ask(&format!("CLUSTER REPLICATE {primary}"))?;
            if !process::wait_until(|| cluster.is_in_step(primaries + replica)) {
                return Err(io::Error::other("a replica does not follow its primary"));
            }
        }
        cluster.wait("cluster_slots_ok", SLOTS)?;
        Ok(cluster)
    }

    /// The URL of the cluster, which names its first server only.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The id that the others know a server by.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn id(&self, node: usize) -> io::Result<String> {
        Connection::open(self.nodes[node].addr())?.ask("CLUSTER MYID")
    }

    /// Waits until each of them says that it is well and counts so many.
    fn wait(&self, what: &str, count: usize) -> io::Result<()> {
        let line = format!("{what}:{count}\r\n");
        let is_so = |node: &Redis| {
            let info =
                Connection::open(node.addr()).and_then(|mut connection| connection.ask("CLUSTER INFO"));
            info.is_ok_and(|info| info.contains("cluster_state:ok") && info.contains(&line))
        };
        if process::wait_until(|| self.nodes.iter().all(is_so)) {
            return Ok(());
        }
        Err(io::Error::other(format!("the servers of the cluster do not agree on {what}")))
    }

    fn is_in_step(&self, replica: usize) -> bool {
        let info = Connection::open(self.nodes[replica].addr())
            .and_then(|mut connection| connection.ask("INFO replication"));
        info.is_ok_and(|info| info.contains("master_link_status:up"))
    }
}

/// Further ports of a server.
struct Ports {
    /// By which the others reach it.
    bus: u16,
    tls: Option<u16>,
}

/// A server without slots.
fn serve(tls: Option<SetTls<'_>>) -> io::Result<(Redis, Ports)> {
    // The usual one is ten thousand above the other, where the kernel gives ports to clients.
    let mut ports = Ports { bus: port::free()?, tls: None };
    let bus = ports.bus.to_string();
    let redis = Redis::start_on(|site| {
        let options = [
            ("--cluster-enabled", "yes"),
            ("--cluster-port", &bus),
            ("--cluster-node-timeout", "5000"),
            ("--cluster-require-full-coverage", "no"),
            // A replica stands for election however long it has not heard of its primary.
            ("--cluster-replica-validity-factor", "0"),
            ("--repl-diskless-sync-delay", "0"),
            // Otherwise it answers before it writes while its disk is slow.
            ("--appendfsync", "always"),
        ];
        let mut set = |(name, value): (&str, &str)| {
            site.arguments.extend([name.to_owned(), value.to_owned()]);
        };
        options.into_iter().for_each(&mut set);
        if let Some(tls) = tls {
            set(("--tls-cluster", "yes"));
            set(("--cluster-announce-hostname", tls.servers));
            set(("--cluster-preferred-endpoint-type", "hostname"));
            ports.tls = Some(tls.apply(site, tls.servers)?);
        }
        Ok(())
    })?;
    Ok((redis, ports))
}
