//! Seeding, import and export: over the ports in memory, and with the real binary.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod seeding;

mod importing;
mod round_trip;

mod commands;
