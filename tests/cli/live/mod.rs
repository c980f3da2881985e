//! Status and readiness of real databases.

mod access;
mod fixture;
mod listen;
mod prisma;
mod ready;
mod snapshot;
mod status;
