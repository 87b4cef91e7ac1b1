//! The use cases over mocks, for order and number of port calls, and over memory, for behaviour.

mod support;

mod dashboard;
mod embedded;
mod shared;
mod shared_calls;
mod shared_faults;
mod writes;
