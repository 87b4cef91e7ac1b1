//! How values of the domain are written as JSON.

use std::fmt::Display;

use roster_domain::JsonObject;
use serde::{Serialize as _, Serializer, ser};
use serde_json::value::RawValue;

/// As the string that its `Display` is.
pub(super) fn text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// As the string that its `Display` is, or null.
#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
pub(super) fn text_or_null<S: Serializer>(
    value: &Option<impl Display>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// As the text it is: nothing is built from it on the way.
pub(super) fn raw<S: Serializer>(object: &JsonObject, serializer: S) -> Result<S::Ok, S::Error> {
    let raw: &RawValue = serde_json::from_str(object.as_str()).map_err(ser::Error::custom)?;
    raw.serialize(serializer)
}

/// An id in the documented form of a body that lists several.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = "uuid")]
#[expect(dead_code, reason = "it is the documented form of an id")]
pub(super) struct Id(String);
