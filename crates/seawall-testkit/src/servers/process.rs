use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Sender, SyncSender};
use std::time::Duration;
use std::{fs, io, thread};

use super::binary::Binary;
use super::user::User;

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_millis(20);

pub(super) const SETPRIV: Binary = Binary { name: "setpriv", package: "util-linux" };

/// A command that runs as `user`, if any, and is killed when the thread that spawned it ends.
pub(super) fn bound_to_us(program: &Path, user: Option<User>) -> io::Result<Command> {
    let mut command = Command::new(SETPRIV.find()?);
    command.args(["--pdeathsig", "KILL"]);
    if let Some(User { uid, gid }) = user {
        command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]);
    }
    command.arg("--").arg(program);
    Ok(command)
}

/// Spawns from a thread that lives as long as the process.
///
/// Linux sends the parent-death signal when the *thread* that spawned ends, and a test runner gives each test a thread
/// of its own: a shared server would die with the first test that asked for it.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, SyncSender<io::Result<Child>>);
    static SPAWNER: LazyLock<Sender<Order>> = LazyLock::new(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        });
        orders
    });
    let (reply, child) = mpsc::sync_channel(1);
    SPAWNER.send((command, reply)).expect("the spawner only ends with the process");
    child.recv().expect("the spawner answers every order")
}

/// Sends `signal` and waits for the end; a process that does not heed it is killed.
pub(super) fn stop(child: &mut Child, signal: &str) {
    send(signal, &[child.id()]);
    if !wait_until(|| has_ended(child).is_some()) {
        kill(child);
    }
}

/// Keeps the process from doing anything, until it is killed.
pub(super) fn freeze(child: &Child) {
    send("STOP", &[child.id()]);
}

/// Kills the process and everything it started, and waits until all of them are gone.
pub(super) fn kill(child: &mut Child) {
    // Stopped first, so that it starts nothing between our look at its children and the blow.
    send("STOP", &[child.id()]);
    let mut family = descendants(child.id());
    family.push(child.id());
    send("KILL", &family);
    // Waiting fails only for a child that was waited for already.
    let _ = child.wait();
    wait_until(|| !processes().iter().any(|process| family.contains(&process.id) && !process.zombie));
}

pub(super) fn has_ended(child: &mut Child) -> Option<ExitStatus> {
    child.try_wait().ok().flatten()
}

/// Asks until the answer is yes; `false` when patience ran out first.
#[expect(clippy::disallowed_methods, reason = "a real process is waited for, which no paused clock moves")]
pub(super) fn wait_until(mut condition: impl FnMut() -> bool) -> bool {
    let tries = PATIENCE.as_millis() / PAUSE.as_millis();
    for _ in 0..tries {
        if condition() {
            return true;
        }
        thread::sleep(PAUSE);
    }
    false
}

/// The shell's own `kill` is everywhere; the standard library sends no signal but SIGKILL.
fn send(signal: &str, processes: &[u32]) {
    let processes = processes.iter().map(u32::to_string);
    let script = r#"signal=$1; shift; kill -s "$signal" "$@""#;
    // A process that is gone already needs no signal.
    let _ = Command::new("sh")
        .args(["-c", script, "sh", signal])
        .args(processes)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

struct Process {
    id: u32,
    parent: u32,
    zombie: bool,
}

/// The process's children, their children, and so on. Postgres gives each child a session of its own, so a signal to
/// the process group would miss them.
fn descendants(ancestor: u32) -> Vec<u32> {
    let all = processes();
    let mut family = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(all.iter().filter(|process| process.parent == parent).map(|process| process.id));
        next += 1;
    }
    family.split_off(1)
}

fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| parse_stat(&fs::read_to_string(entry.path().join("stat")).ok()?)).collect()
}

/// `proc_pid_stat(5)`: `id (name) state parent ...`, where the name may hold blanks and brackets.
fn parse_stat(stat: &str) -> Option<Process> {
    let id = stat.split(' ').next()?.parse().ok()?;
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
    let zombie = rest.next()? == "Z";
    Some(Process { id, parent: rest.next()?.parse().ok()?, zombie })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_blanks_and_brackets_is_no_obstacle() {
        let process = parse_stat("42 (a) b (c) Z 7 42 42 0 -1").unwrap();
        assert_eq!((process.id, process.parent, process.zombie), (42, 7, true));
    }

    #[test]
    fn a_killed_process_takes_its_descendants_along() {
        let mut child = Command::new("sh").args(["-c", "sh -c 'sleep 600; true' & wait"]).spawn().unwrap();
        assert!(wait_until(|| descendants(child.id()).len() == 2));
        let family = descendants(child.id());
        kill(&mut child);
        assert!(!processes().iter().any(|process| family.contains(&process.id) && !process.zombie));
    }

    #[test]
    fn a_process_outlives_the_thread_that_ordered_it() {
        let order = || {
            let mut command = bound_to_us(Path::new("/bin/cat"), None).unwrap();
            command.stdin(Stdio::piped());
            spawn(command).unwrap()
        };
        let mut child = thread::spawn(order).join().unwrap();
        // `cat` ends by itself only when its input ends; had the signal come, it would say so here.
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}
