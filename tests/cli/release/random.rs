//! Histories damaged at random: all that was done to them is named, and nothing else.

use crate::support::{
    dice::Dice,
    release::{Pair, Release, findings},
};

/// A history and what a release made of it.
struct Damage {
    old: Vec<(String, String)>,
    new: Vec<(String, String)>,
    /// The findings that there must be.
    expected: Vec<String>,
}

/// Every text is there once, so that only a renamed migration looks like another one.
fn sql(number: usize) -> String {
    format!("-- CreateTable\nCREATE TABLE t{number} (\n  id int PRIMARY KEY\n);\n")
}

fn stamp(number: usize) -> String {
    format!("202601{:02}{:02}0000_m{number}", 1 + number / 20, number % 20)
}

impl Damage {
    fn new(dice: &mut Dice) -> Self {
        let mut damage = Self { old: Vec::new(), new: Vec::new(), expected: Vec::new() };
        let count = 5 + dice.roll(40);
        // Even numbers are those that were published, odd ones are free for what is put in between.
        for number in (0..count).map(|number| 2 * number) {
            damage.old.push((stamp(number), sql(number)));
        }
        let newest = stamp(2 * (count - 1));
        for index in 0..count {
            damage.published(index, &newest, dice);
        }
        for number in (0..dice.roll(4)).map(|number| 2 * (count + number)) {
            damage.new.push((stamp(number), sql(number)));
        }
        damage.expected.sort();
        damage
    }

    /// What becomes of the migration at `index`, one time in three something bad.
    fn published(&mut self, index: usize, newest: &str, dice: &mut Dice) {
        let (name, text) = self.old[index].clone();
        let free = stamp(2 * index + 1);
        match dice.roll(15) {
            0 => self.expect("refuse migration_deleted", &name),
            1 => {
                self.expect("refuse migration_edited", &name);
                self.new.push((name, text.replace("int", "bigint")));
            }
            2 => {
                self.expect("info migration_line_endings", &name);
                self.new.push((name, text.replace('\n', "\r\n")));
            }
            3 => {
                self.expect("refuse migration_renamed", &name);
                self.misplaced(&free, newest);
                self.new.push((free, text));
            }
            4 => {
                self.misplaced(&free, newest);
                self.new.extend([(name, text), (free, sql(2 * index + 1))]);
            }
            _ => self.new.push((name, text)),
        }
    }

    fn misplaced(&mut self, name: &str, newest: &str) {
        if name < newest {
            self.expect("warn migration_out_of_order", name);
        }
    }

    fn expect(&mut self, what: &str, name: &str) {
        self.expected.push(format!("{what} {name}"));
    }

    fn release(version: &'static str, migrations: &[(String, String)]) -> Release {
        migrations.iter().fold(Release::new(version), |release, (name, sql)| release.migration(name, sql))
    }
}

#[test]
fn all_damage_is_named_and_none_is_invented() {
    for seed in 0..60 {
        let damage = Damage::new(&mut Dice(seed));
        let pair = Pair::new(&Damage::release("1.0", &damage.old), &Damage::release("1.1", &damage.new));
        let refused = damage.expected.iter().any(|finding| finding.starts_with("refuse"));
        let report = pair.text_report(if refused { 4 } else { 0 });
        let mut found = findings(&report);
        found.sort();
        assert_eq!(found, damage.expected, "seed {seed}");
    }
}
