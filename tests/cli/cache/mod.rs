//! What earlier runs found out changes the time that a run takes, never its result.

mod command;
mod entries;
mod results;
