//! A database that is not ours: what is true about it. Nothing in here ever changes one.
//!
//! ```text
//! url        Prisma's dialect of database URLs       -> Target
//! expected   a directory, a wheel, a Python package  -> History
//! connect    one connection, simple queries only     -> Database
//! observe    ledger and catalog in one question      -> Observation
//! state      ledger against history                  -> State
//! readiness  may a program that expects this serve?  -> Verdict
//! watch      the same, again and again                -> Answer
//! serve      the last answer, over HTTP
//! ```

pub mod answer;
pub mod catalog;
pub mod connect;
pub mod expected;
pub mod ledger;
pub mod observe;
pub mod readiness;
pub mod serve;
pub mod snapshot;
pub mod state;
pub mod tls;
pub mod url;
pub mod watch;
