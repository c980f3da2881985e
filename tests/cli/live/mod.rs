//! Status and readiness of real databases.

mod access;
mod fixture;
mod listen;
mod ready;
mod status;
