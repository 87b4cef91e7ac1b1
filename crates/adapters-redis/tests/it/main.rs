//! The adapter against a real Redis.

mod support;

mod scripts;
