//! The whole router over the ports in memory: every body, every problem, every rule of the contract.

mod support;

mod users;

mod conditions;
mod listing;

mod dashboard;
mod service;

mod failures;
mod refusals;

mod document;
