//! What a release would do to a database that runs the previous one.

mod corpus;
mod history;
mod packages;
mod pages;
mod proofs;
mod published;
mod random;
mod running;
mod sentences;
