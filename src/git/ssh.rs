//! Keeping SSH from asking, without taking the user's own command away.

/// Ask nothing, and leave no shared connection behind. ssh takes an option's first value, so that the user's own
/// choice before it stays.
const OPTIONS: &str = "-oBatchMode=yes -oControlMaster=no";

/// `command` (a shell's, as in `GIT_SSH_COMMAND`) with the options that keep OpenSSH from asking; `None` where it
/// is not plainly OpenSSH: what options that takes, nobody knows, and the time limit ends it.
pub(super) fn silenced(command: &str) -> Option<String> {
    let program = command.trim_start().split(char::is_whitespace).next()?.trim_matches(['\'', '"']);
    let name = program.rsplit('/').next()?;
    (name == "ssh").then(|| format!("{command} {OPTIONS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_is_silenced_where_it_is_ssh() {
        for (command, is_ssh) in [
            ("ssh", true),
            ("/usr/bin/ssh -i 'a key' -F none", true),
            ("\"/usr/bin/ssh\" -v", true),
            ("'/opt/open ssh/ssh' -v", false),
            ("plink -i key", false),
            ("my-wrapper", false),
            ("", false),
        ] {
            let wanted = is_ssh.then(|| format!("{command} -oBatchMode=yes -oControlMaster=no"));
            assert_eq!(silenced(command), wanted, "{command}");
        }
    }
}
