//! The adapter against a real Redis.

#[macro_use]
mod support;

mod faults;
mod load;
mod releases;
mod scripts;
