//! Tests of this adapter against a real server: the contracts, and what only this store has.

mod support;

mod contracts;
