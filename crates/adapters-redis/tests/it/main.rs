//! The adapter against a real Redis.

#[macro_use]
mod support;

mod scripts;
