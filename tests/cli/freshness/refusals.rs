//! It fails closed: whatever cannot be established is an error that says what to do, never "fresh".

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::*;
use crate::support::run::{executable, within_a_limit};

/// A clone of a new forge whose origin is at `url` from now on.
fn clone_of<'a>(forge: &'a Forge, url: &str) -> Repo<'a> {
    let clone = forge.clone("clone", &[]);
    clone.git(&["remote", "set-url", "origin", url]);
    clone
}

async fn refused_at(directory: &Path) -> (String, String) {
    refused(ask_with(directory, &Request::default(), &[], PATIENCE).await)
}

fn script(path: &Path, text: &str) {
    executable(path, format!("#!/bin/sh\n{text}\n").as_bytes());
}

#[tokio::test]
async fn without_a_repository() {
    let directory = tempfile::tempdir().unwrap();
    let (text, hint) = refused_at(directory.path()).await;
    assert!(text.contains("is not in a git repository"), "{text}");
    assert!(hint.contains("--repo DIR"), "{hint}");
}

#[tokio::test]
async fn without_a_work_tree() {
    let forge = Forge::new();
    for directory in [forge.origin().path().to_owned(), forge.author().file(".git")] {
        let (text, hint) = refused_at(&directory).await;
        assert!(text.contains("not in a work tree"), "{text}");
        assert!(hint.contains("git worktree add"), "{hint}");
    }
}

#[tokio::test]
async fn without_a_commit() {
    let forge = Forge::new();
    forge.repo(".").git(&["init", "-q", "empty"]);
    let (text, hint) = refused_at(forge.repo("empty").path()).await;
    assert_eq!(text, "HEAD has no commit yet");
    assert!(hint.contains("git switch"), "{hint}");
}

#[tokio::test]
async fn without_a_remote() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    clone.git(&["remote", "remove", "origin"]);
    let (text, hint) = refused_at(clone.path()).await;
    assert!(text.contains("no remote"), "{text}");
    assert!(hint.contains("git remote add origin"), "{hint}");
}

#[tokio::test]
async fn without_git() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    let nothing = forge.path().to_str().unwrap();
    let answer = ask_with(clone.path(), &plain(&clone), &[("PATH", nothing)], PATIENCE).await;
    let (text, hint) = refused(answer);
    assert!(text.contains("git is not installed") && hint.contains("install git"), "{text}\n{hint}");
}

#[tokio::test]
async fn with_a_git_that_is_too_old() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    let old = forge.path().join("old");
    std::fs::create_dir(&old).unwrap();
    script(&old.join("git"), "echo git version 1.8.3.1");
    let path = format!("{}:/usr/bin:/bin", old.display());
    let answer = ask_with(clone.path(), &plain(&clone), &[("PATH", &path)], PATIENCE).await;
    assert_eq!(refused(answer).0, "git 1.8 is too old: 2.30 or newer is needed");
}

#[tokio::test]
async fn with_a_commit_that_does_not_exist() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    for name in ["nope", "0123456789abcdef0123456789abcdef01234567", "HEAD^{tree}", "HEAD~9"] {
        let request = Request { base_ref: Some(name.parse().unwrap()), ..plain(&clone) };
        let (text, hint) = refused(ask(&clone, &request).await);
        assert!(text.contains(name) && hint.starts_with("git fetch"), "{text}\n{hint}");
    }
}

#[tokio::test]
async fn with_an_origin_that_is_gone() {
    let forge = Forge::new();
    forge.advance("main", 3);
    for (name, options) in [("whole", &[][..]), ("shallow", &["--depth=1"][..])] {
        let clone = forge.clone(name, options);
        clone.git(&["remote", "set-url", "origin", "file:///nonexistent/x.git"]);
        let request = Request { base_branch: Some("main".parse().unwrap()), ..plain(&clone) };
        let (text, hint) = refused(ask(&clone, &request).await);
        assert!(text.contains("could not fetch from origin (file:///nonexistent/x.git)"), "{text}");
        assert!(hint.contains("git fetch origin") && hint.contains("--base-ref"), "{hint}");
    }
}

/// What is said where the origin never answers, and everything else does in time.
async fn unanswered(clone: &Repo<'_>, extra: &[(&str, &str)]) -> (String, String) {
    let ask = async |limit| refused(ask_with(clone.path(), &plain(clone), extra, limit).await);
    within_a_limit(ask, |(text, _)| text.contains("did not answer in time")).await
}

#[tokio::test]
async fn with_an_origin_that_never_answers() {
    let forge = Forge::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let clone = clone_of(&forge, &format!("git://{}/x.git", listener.local_addr().unwrap()));
    let (text, hint) = unanswered(&clone, &[]).await;
    assert!(text.contains("did not answer in time"), "{text}");
    assert!(hint.contains("--timeout"), "{hint}");
}

#[tokio::test]
async fn with_an_ssh_that_never_answers() {
    let forge = Forge::new();
    let clone = clone_of(&forge, "git@forge.invalid:x.git");
    let fifo = forge.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let command = format!("read answer < {} #", fifo.display());
    let (text, _) = unanswered(&clone, &[("GIT_SSH_COMMAND", &command)]).await;
    assert!(text.contains("did not answer in time"), "{text}");
}

#[tokio::test]
async fn with_an_ssh_that_would_ask() {
    let forge = Forge::new();
    let clone = clone_of(&forge, "git@forge.invalid:x.git");
    let bin = forge.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let seen = forge.path().join("seen");
    let says = format!(
        "echo \"$@\" >> {}; echo 'git@forge: Permission denied (publickey).' >&2; exit 255",
        seen.display()
    );
    script(&bin.join("ssh"), &says);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let own = format!("{}/ssh -i key", bin.display());
    let settings = [vec![], vec![("GIT_SSH_COMMAND", own.as_str())]];
    for extra in settings {
        let extra = [vec![("PATH", path.as_str())], extra].concat();
        let answer = ask_with(clone.path(), &plain(&clone), &extra, PATIENCE).await;
        let (text, hint) = refused(answer);
        assert!(text.contains("does not let git in") && text.contains("Permission denied"), "{text}");
        assert!(hint.contains("git fetch origin"), "{hint}");
    }
    clone.git(&["config", "core.sshCommand", &format!("{own} -p 7")]);
    let _ = ask_with(clone.path(), &plain(&clone), &[("PATH", &path)], PATIENCE).await.unwrap_err();
    let seen = std::fs::read_to_string(seen).unwrap();
    let lines: Vec<_> = seen.lines().filter(|line| line.contains("forge.invalid")).collect();
    assert_eq!(lines.len(), 3, "{seen}");
    assert!(lines.iter().all(|line| line.contains("-oBatchMode=yes")), "{seen}");
    assert!(lines[1].starts_with("-i key ") && lines[2].starts_with("-i key -p 7 "), "{seen}");
}

#[tokio::test]
async fn with_an_origin_that_demands_a_password() {
    let forge = Forge::new();
    let (address, asked) = forbidding_server();
    let clone = clone_of(&forge, &format!("http://me@{address}/x.git"));
    let prompt = forge.path().join("prompt");
    let shown = forge.path().join("shown");
    script(&prompt, &format!("touch {}; sleep 600", shown.display()));
    let prompt = prompt.to_str().unwrap();
    clone.git(&["config", "core.askPass", prompt]);
    let extra = [("GIT_ASKPASS", prompt), ("SSH_ASKPASS", prompt), ("DISPLAY", ":0"), ("no_proxy", "*")];
    let (text, hint) = refused(ask_with(clone.path(), &plain(&clone), &extra, PATIENCE).await);
    assert!(text.contains("does not let git in") && !text.contains("did not answer"), "{text}");
    assert!(text.contains(&format!("http://{address}/x.git")), "{text}");
    assert!(hint.contains("without asking for a password"), "{hint}");
    assert!(!shown.exists());
    assert!(asked.load(Ordering::Relaxed) > 0);
}

/// A web server that answers 401 to everything, and how often it was asked.
fn forbidding_server() -> (String, Arc<AtomicUsize>) {
    const ANSWER: &str = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\
                          Connection: close\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            counter.fetch_add(1, Ordering::Relaxed);
            let _ = stream.write_all(ANSWER.as_bytes());
        }
    });
    (address, asked)
}

#[tokio::test]
async fn with_a_password_in_the_url_that_no_message_shows() {
    let forge = Forge::new();
    let (address, _) = forbidding_server();
    let clone = clone_of(&forge, &format!("http://me:s3cret@{address}/x.git"));
    let extra = [("no_proxy", "*")];
    let error = ask_with(clone.path(), &plain(&clone), &extra, PATIENCE).await.unwrap_err();
    let everything = format!("{error} {error:?} {:?}", error.hint());
    assert!(everything.contains("does not let git in") && !everything.contains("s3cret"), "{everything}");
}

#[tokio::test]
async fn with_a_repository_of_another_user() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("NOT CHECKED: only root can give a repository to another user");
        return;
    }
    let forge = Forge::new();
    let clone = forge.clone("clone's", &[]);
    std::os::unix::fs::chown(clone.path(), Some(12345), Some(12345)).unwrap();
    std::os::unix::fs::chown(clone.file(".git"), Some(12345), Some(12345)).unwrap();
    let (text, hint) = refused_at(clone.path()).await;
    assert!(text.contains("another user owns it"), "{text}");
    let path = clone.path().to_str().unwrap().replace('\'', r"'\''");
    assert_eq!(hint, format!("git config --global --add safe.directory '{path}'"));
}

#[tokio::test]
async fn with_a_branch_that_was_fetched_where_a_directory_is_needed() {
    let forge = Forge::new();
    let clone = forge.clone("clone", &[]);
    clone.git(&["update-ref", "refs/remotes/origin/release", "HEAD"]);
    forge.author().switch("release/1");
    forge.author().push("release/1");
    let request = Request { base_branch: Some("release/1".parse().unwrap()), ..plain(&clone) };
    let (text, _) = refused(ask(&clone, &request).await);
    assert!(text.contains("git remote prune origin"), "{text}");
}
