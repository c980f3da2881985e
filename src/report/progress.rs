//! Showing that work goes on: a line for each finished stage; on a terminal also a spinner or a bar.

use std::time::{Duration, Instant};

use super::github::harmless;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How much is shown on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Silent,
    /// A line for each finished stage.
    Lines,
    /// The same, and what is at work now.
    Terminal,
}

/// Where stages report to.
#[derive(Debug)]
pub struct Progress {
    mode: Mode,
}

impl Progress {
    /// A progress display of the given mode.
    #[must_use]
    pub const fn new(mode: Mode) -> Self {
        Self { mode }
    }

    /// Says what `name`, a noun of at most ten letters, came to: for what goes on for ever.
    pub fn say(&self, name: &str, result: &str) {
        if self.mode != Mode::Silent {
            write(format_args!("{name:<10}  {result}\n"));
        }
    }

    /// Begins the stage `name`, a noun of at most ten letters.
    #[must_use]
    pub fn stage(&self, name: &'static str) -> Stage {
        let bar = match self.mode {
            Mode::Terminal => {
                let bar = ProgressBar::new_spinner().with_style(style("{spinner} {prefix:<10}  {msg}"));
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.set_prefix(name);
                bar.enable_steady_tick(Duration::from_millis(100));
                bar
            }
            Mode::Silent | Mode::Lines => ProgressBar::hidden(),
        };
        Stage { name, mode: self.mode, started: Instant::now(), bar }
    }
}

/// A stage at work. Dropped without a word, as on an error, it leaves nothing on the screen.
#[derive(Debug)]
pub struct Stage {
    name: &'static str,
    mode: Mode,
    started: Instant,
    bar: ProgressBar,
}

impl Stage {
    /// Says what it is doing just now.
    pub fn doing(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
    }

    /// From here on there is a known number of steps.
    pub fn steps(&self, total: usize) {
        if self.mode == Mode::Terminal && total > 1 {
            self.bar.set_style(style("{spinner} {prefix:<10}  [{bar:30}] {pos}/{len}  {msg}"));
            self.bar.set_length(total as u64);
        }
    }

    /// One more step is done.
    pub fn step(&self, what: &str) {
        self.bar.inc(1);
        self.bar.set_message(what.to_owned());
    }

    /// The stage is over; `result` is what it came to. Gives its name and how long it took.
    pub fn done(self, result: &str) -> (&'static str, Duration) {
        let took = self.started.elapsed();
        self.bar.finish_and_clear();
        if self.mode != Mode::Silent {
            write(format_args!("{:<10}  {}  ({:.2} s)\n", self.name, harmless(result), took.as_secs_f64()));
        }
        (self.name, took)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A closed standard error is no reason to stop.
fn write(text: std::fmt::Arguments<'_>) {
    let _ = std::io::Write::write_fmt(&mut anstream::stderr().lock(), text);
}

#[expect(clippy::unwrap_used, reason = "literal templates")]
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap().progress_chars("=> ")
}
