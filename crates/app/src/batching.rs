//! Many callers, few questions: what is asked while the previous batch is under way goes out as one.
//!
//! Nothing waits for a timer. While a lane is free, a call goes out at once and as it is; while
//! none is, calls queue, and the next free lane takes all that have (`lanes`). So an idle process
//! answers as fast as without, and a busy one asks less often the busier it is.
//!
//! `users` and `cache` put this around the ports, so that whoever calls them need not know.

mod cache;
mod lanes;
mod users;

pub(crate) use cache::BatchedCache;
pub(crate) use users::BatchedUsers;

#[cfg(test)]
mod tests;
