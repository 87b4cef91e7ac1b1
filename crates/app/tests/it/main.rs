//! The use cases over mocks, for order and number of port calls, and over memory, for behaviour.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must end")]

mod fleet;
mod standing;
mod support;

mod dashboard;
mod driven;
mod embedded;
mod proofs;
mod relay;
mod shared;
mod shared_batches;
mod shared_calls;
mod shared_faults;
mod shared_leases;
mod writes;
