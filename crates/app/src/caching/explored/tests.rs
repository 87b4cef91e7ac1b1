//! Interleavings of the guard and of the service, explored by a scheduler that chooses which
//! task goes on at each lock, atomic and effect. Run by `cargo xtask test` with the feature
//! `explored`; a failure prints the schedule that replays it.

mod fleet;
mod guard;
mod service;
mod yielding_users;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

/// Schedules that choose at random each time.
fn at_random(scenario: fn(), executions: usize) {
    explore(scenario, RandomScheduler::new(executions));
}

/// Schedules in which a task is interrupted so often at the most.
fn with_few_switches(scenario: fn(), executions: usize, switches: usize) {
    explore(scenario, PctScheduler::new(switches, executions));
}

fn explore(scenario: fn(), scheduler: impl Scheduler + 'static) {
    let mut config = Config::new();
    // In octets: a read that runs its own load is deeper than the explorer's default leaves room for.
    config.stack_size = 1 << 20;
    Runner::new(scheduler, config).run(scenario);
}
