//! The real binary as an operator meets it, and the server inside it.

mod commands;
mod distributed;
mod process;
mod server;
mod start;
mod stop;
