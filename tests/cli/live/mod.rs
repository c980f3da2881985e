//! Status and readiness of real databases.

mod access;
pub mod fixture;
mod listen;
pub mod prisma;
mod ready;
mod snapshot;
mod status;
