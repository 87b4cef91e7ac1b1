//! Interleavings of the guard and of the service; see the tests.

mod tests;
