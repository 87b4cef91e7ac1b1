//! Interleavings of the guard and of the service, explored by a scheduler that chooses which
//! task goes on at each lock, atomic and effect. Run by `cargo xtask test` with the feature
//! `explored`; a failure prints the schedule that replays it.

mod fleet;
mod guard;
mod service;
mod yielding_users;
