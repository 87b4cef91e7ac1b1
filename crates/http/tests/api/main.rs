//! The whole router over the ports in memory: every body, every problem, every rule of the contract.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod forge;
mod support;
mod tokens;

mod users;

mod conditions;
mod listing;

mod dashboard;
mod feeds;

mod caches;
mod once;
mod searching;
mod service;

mod access;
mod capacity;
mod enumeration;
mod forged;
mod limits;
mod mass_assignment;
mod quotas;
mod shared_proxy;
mod standing;

mod transfer;

mod failures;
mod hot_reads;
mod refusals;

mod document;
