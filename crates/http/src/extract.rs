//! What handlers take from a request: each extractor refuses with a problem of its own.

mod body;
mod json_values;
mod members;

mod path;
mod query;

mod caller;
mod conditions;
mod freshness;
mod keyed;

pub(crate) mod accept;

#[cfg(test)]
pub(crate) use body::parse;
pub(crate) use body::{ApiJson, ApiMergePatch, broken_body, check_coding, is_one_of};
pub(crate) use caller::Caller;
pub(crate) use conditions::{EntityTag, IfMatch, IfNoneMatch};
pub(crate) use freshness::{Consistency, NoCache};
pub(crate) use json_values::FromJson;
pub(crate) use keyed::{Keyed, NoBody};
pub(crate) use members::{FromBody, FromMembers, Members, Refusals, Refused};
pub(crate) use path::{Aliased, ApiPath, FromPath};
pub(crate) use query::{ApiQuery, FromQuery, NoParameters, Query, refused};
