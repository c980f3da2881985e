//! Keeps a secret that was typed out of the process list.

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt,
    process::Command,
};

/// Where `args`, the program's own name first, give the option `option`, begins this program anew with the value in
/// the environment variable `variable` instead, which only the same user can read. Then it does not return.
///
/// Where the program cannot be begun anew it returns too: doing the work matters more.
#[expect(clippy::disallowed_methods, reason = "it becomes this very program, and no other process is made")]
pub fn conceal(args: &[OsString], option: &str, variable: &str) {
    if let Some((others, value)) = without(args, option)
        && let Ok(program) = std::env::current_exe()
        && let Some((name, others)) = others.split_first()
    {
        let _ = Command::new(program).arg0(name).args(others).env(variable, value).exec();
    }
}

/// The arguments without `option`, and its value, the last one where it is given more than once.
fn without(args: &[OsString], option: &str) -> Option<(Vec<OsString>, OsString)> {
    let (mut others, mut value) = (Vec::new(), None);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            others.push(arg.clone());
            others.extend(rest.cloned());
            break;
        }
        match arg.to_str().and_then(|arg| arg.strip_prefix(option)) {
            Some("") => value = rest.next().cloned(),
            Some(joined) if joined.starts_with('=') => value = Some(OsStr::new(&joined[1..]).to_owned()),
            _ => others.push(arg.clone()),
        }
    }
    Some((others, value?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Option<(String, String)> {
        let args: Vec<OsString> = line.split(' ').map(Into::into).collect();
        let (others, value) = without(&args, "--url")?;
        Some((others.join(OsStr::new(" ")).into_string().unwrap(), value.into_string().unwrap()))
    }

    #[test]
    fn the_value_is_taken_out_wherever_it_stands() {
        for line in ["tool ready --url s -q", "tool --url=s ready -q", "tool ready -q --url o --url=s"] {
            assert_eq!(split(line), Some(("tool ready -q".into(), "s".into())), "{line}");
        }
        for line in ["tool ready", "tool ready --urls x", "tool ready -- --url s", "tool ready --url"] {
            assert_eq!(split(line), None, "{line}");
        }
    }
}
