//! The order that Prisma 6 and 7 sort by, held against the JavaScript engine that they run on.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use run_migration::history::order::differing_pair;

/// Reads a JSON list of pairs, says of each whether `localeCompare` keeps its order.
const SCRIPT: &str = r"
const pairs = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(pairs.map(([a, b]) => a.localeCompare(b) < 0)));
";

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn name(&mut self, alphabet: &[u8]) -> String {
        let stamp = ["2024", "20240101", "20240101000000", "20240102000000", ""][self.roll(5)];
        let length = 1 + self.roll(6);
        let rest: String = (0..length).map(|_| char::from(alphabet[self.roll(alphabet.len())])).collect();
        format!("{stamp}{rest}")
    }
}

#[test]
fn pairs_are_told_apart_as_node_tells_them_apart() {
    let mut dice = Dice(1);
    let printable: Vec<u8> = (b' '..=b'~').collect();
    let mut pairs = Vec::new();
    while pairs.len() < 20_000 {
        let alphabet: &[u8] = [&b"_0aAbB-"[..], b"_ 1zZ.", &printable][dice.roll(3)];
        let (a, b) = (dice.name(alphabet), dice.name(alphabet));
        if a != b {
            pairs.push(if a < b { (a, b) } else { (b, a) });
        }
    }
    let mut node = Command::new("node")
        .args(["-e", SCRIPT])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(&serde_json::to_vec(&pairs).unwrap()).unwrap();
    let answer: Vec<bool> = serde_json::from_slice(&node.wait_with_output().unwrap().stdout).unwrap();
    assert!(answer.contains(&true) && answer.contains(&false));
    for ((a, b), keeps) in pairs.iter().zip(answer) {
        assert_eq!(differing_pair([a.as_str(), b.as_str()]).is_none(), keeps, "{a:?} {b:?}");
    }
}
