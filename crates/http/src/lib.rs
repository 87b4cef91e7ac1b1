//! The HTTP service and its command line: routes, settings, wiring.

pub mod commands;
mod progress;

pub mod seeding;
pub mod transfer;

pub mod settings;
pub mod wiring;

pub mod authentication;
pub mod endpoints;
mod extract;
mod hot_reads;
pub mod openapi;
pub mod router;
pub mod server;

pub mod problem;

pub mod capacity;
pub mod middleware;
mod quotas;

pub mod metrics;
pub mod telemetry;

pub mod services;
pub mod system;
