//! Commands, as a shell takes them.

/// What stands before the arguments of this program, wherever in the workspace one is.
pub const COMMAND: &str = "cargo run --release -p seawall-sim --";

/// An argument, in quotes if a shell would read something else in it.
pub fn quoted(argument: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./,=:".contains(char);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_otherwise_stands_in_quotes() {
        assert_eq!(quoted("--set"), "--set");
        assert_eq!(quoted("a/b.toml"), "a/b.toml");
        assert_eq!(quoted("my file.toml"), "'my file.toml'");
        assert_eq!(quoted("x={ kind = 'a' }"), r"'x={ kind = '\''a'\'' }'");
        assert_eq!(quoted(""), "''");
    }
}
