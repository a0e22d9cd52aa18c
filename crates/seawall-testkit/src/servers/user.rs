use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

/// Who a server runs as when we are root, whom Postgres and MariaDB refuse.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl User {
    /// The user `preferred`, or `nobody`; `None` when we are not root and a server may run as ourselves.
    pub(super) fn unprivileged(preferred: &str) -> io::Result<Option<Self>> {
        let root = fs::metadata("/proc/self")?.uid() == 0;
        if !root {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd")?;
        let user = find(&passwd, preferred).or_else(|| find(&passwd, "nobody"));
        user.map(Some).ok_or_else(|| {
            let message =
                format!("a server does not run as root, and there is no user `{preferred}` or `nobody`");
            io::Error::new(io::ErrorKind::NotFound, message)
        })
    }
}

/// A line of `passwd(5)` is `name:password:uid:gid:...`.
fn find(passwd: &str, name: &str) -> Option<User> {
    let mut fields =
        passwd.lines().map(|line| line.split(':')).find(|fields| fields.clone().next() == Some(name))?;
    Some(User { uid: fields.nth(2)?.parse().ok()?, gid: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\npostgres2:x:7:8::/:\npostgres:x:101:104:,,,:/var/lib:/bin/bash\n";
        let user = find(passwd, "postgres").unwrap();
        assert_eq!((user.uid, user.gid), (101, 104));
        assert!(find(passwd, "mysql").is_none());
    }
}
