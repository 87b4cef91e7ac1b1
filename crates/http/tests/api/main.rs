//! The whole router over the ports in memory: every body, every problem, every rule of the contract.

mod support;

mod users;




