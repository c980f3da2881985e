//! `completions`: a shell completes what the tool understands.

use std::path::Path;

use crate::support::run::{hermetic, run};

#[test]
fn bash_completes_commands_and_options() {
    let script = run(Path::new("/"), &["completions", "bash"]).expect(0).stdout;
    let complete = |words: &str, at: usize| {
        let line = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={at}; \
             _run-migration run-migration \"${{COMP_WORDS[{at}]}}\" \"${{COMP_WORDS[{at} - 1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let output = hermetic("bash", Path::new("/")).args(["-c", &line]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("run-migration rel", 1), "release-check");
    assert_eq!(complete("run-migration check --strict", 2), "--strict-order");
}

#[test]
fn another_shell_is_a_usage_error_that_names_those_that_can_be_had() {
    run(Path::new("/"), &["completions", "csh"]).expect(64).says(&["bash", "zsh", "fish"]);
}
