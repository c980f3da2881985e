//! The way back: `generate --down` and `generate --revert`; and what a database is told of its history: `baseline`,
//! `resolve`.

mod back;
mod generate;
