//! Many callers, few questions: what is asked while the previous batch is under way goes out as one.
//!
//! Nothing waits for a timer. While a lane is free, a call goes out at once and as it is; while
//! none is, calls queue, and the next free lane takes all that have (`line`, and `lanes` for calls
//! that are answered). So an idle process answers as fast as without, and a busy one asks less
//! often the busier it is.
//!
//! A read of the store is a [`Read`]: questions in, an answer to each. Users are one (`users`),
//! so is each section of a dashboard (`sections`), and so are pages of users (`pages`), each in
//! lanes of its own.
//! Whole loads, with what the shared cache has to say, stand in lines of their own before they
//! come here (`caching::loader`, `caching::lease_flow`).

mod lanes;
mod line;
mod merged;
mod pages;
mod reads;
mod sections;
mod users;

pub(crate) use line::{Entry, Line, MOST_IN_A_BATCH, Waits};
pub(crate) use pages::Pages;
pub(crate) use reads::{Batched, Read};
pub(crate) use sections::{NewestActivities, NewestUnread, Stats};
pub(crate) use users::Users;

#[cfg(test)]
mod tests;
