use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::RangeInclusive;

use roster_domain::{Edit, Invalid};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::FromJson;
use crate::problem::{FieldError, Problem};

/// A body that an operation takes.
pub(crate) trait FromBody: Sized {
    /// Reads the body; what is wrong with it is added to the refusals.
    fn from_body(body: &RawValue, refusals: &mut Refusals) -> Result<Self, Refused>;
}

/// An object whose members are known. An unknown or repeated member is refused.
pub(crate) trait FromMembers: Sized {
    /// Takes every member that it knows, all of them before it gives up, so that the caller
    /// learns everything at once.
    fn from_members(members: &mut Members<'_>) -> Result<Self, Refused>;
}

impl<T: FromMembers> FromBody for T {
    fn from_body(body: &RawValue, refusals: &mut Refusals) -> Result<Self, Refused> {
        Members::read(body, "", refusals)
    }
}

/// Something was added to the refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// What is not accepted in a body, so far.
#[derive(Default)]
pub(crate) struct Refusals(Vec<FieldError>);

impl Refusals {
    /// More are not listed: a body of nothing else would have an answer many times its length.
    const MOST: usize = 100;

    /// Adds one.
    pub(crate) fn add(&mut self, pointer: String, invalid: Invalid) -> Refused {
        if self.0.len() < Self::MOST {
            self.0.push(FieldError::new(pointer, invalid));
        }
        Refused
    }

    /// The refusals, for a body that is no request's.
    pub(crate) fn into_errors(self) -> Vec<FieldError> {
        self.0
    }

    /// The problem, unless there is nothing to refuse.
    pub(crate) fn into_problem(self) -> Option<Problem> {
        (!self.0.is_empty()).then(|| Problem::validation(self.0))
    }
}

/// Whether each name stands there for the first time. A set, because an object may have as many
/// members as fit into a body.
fn are_first(pairs: &[(String, &RawValue)]) -> Vec<bool> {
    let mut known = HashSet::with_capacity(pairs.len());
    pairs
        .iter()
        .map(|(name, _)| known.insert(name.as_str()))
        .collect()
}

/// The members of one object that nobody has taken yet.
pub(crate) struct Members<'a> {
    pairs: Vec<(String, &'a RawValue)>,
    pointer: String,
    refusals: &'a mut Refusals,
}

impl<'a> Members<'a> {
    /// Reads an object that stands at `pointer` of the body.
    pub(crate) fn read<T: FromMembers>(
        object: &'a RawValue,
        pointer: &str,
        refusals: &'a mut Refusals,
    ) -> Result<T, Refused> {
        let Ok(Pairs(pairs)) = serde_json::from_str(object.get()) else {
            let invalid = if object.get().starts_with('{') {
                Invalid::new(
                    "not_text",
                    "An escape in a member's name stands for no character.",
                )
            } else {
                Invalid::new("not_an_object", "A JSON object is needed.")
            };
            return Err(refusals.add(pointer.to_owned(), invalid));
        };
        let before = refusals.0.len();
        let mut members = Members {
            pairs: Vec::with_capacity(pairs.len()),
            pointer: pointer.to_owned(),
            refusals,
        };
        let are_first = are_first(&pairs);
        for ((name, value), is_first) in pairs.into_iter().zip(are_first) {
            if is_first {
                members.pairs.push((name, value));
            } else {
                members.refuse(
                    &name,
                    Invalid::new("duplicate_member", "The member is there twice."),
                );
            }
        }
        let value = T::from_members(&mut members);
        for (name, _) in std::mem::take(&mut members.pairs) {
            members.refuse(
                &name,
                Invalid::new("unknown_member", "There is no such member."),
            );
        }
        if members.refusals.0.len() == before {
            value
        } else {
            Err(Refused)
        }
    }

    /// A member that must be there and not null.
    pub(crate) fn required<T: FromJson>(&mut self, name: &str) -> Result<T, Refused> {
        match self.take(name) {
            Some(value) if value.get() != "null" => self.parse(name, value),
            _ => Err(self.refuse(name, Invalid::new("required", "The member is needed."))),
        }
    }

    /// A member that may be left out, which null does too.
    pub(crate) fn optional<T: FromJson>(&mut self, name: &str) -> Result<Option<T>, Refused> {
        match self.take(name) {
            Some(value) if value.get() != "null" => self.parse(name, value).map(Some),
            _ => Ok(None),
        }
    }

    /// A member of a merge patch that null removes.
    pub(crate) fn edit<T: FromJson>(&mut self, name: &str) -> Result<Edit<T>, Refused> {
        match self.take(name) {
            None => Ok(Edit::Keep),
            Some(value) if value.get() == "null" => Ok(Edit::Clear),
            Some(value) => self.parse(name, value).map(Edit::Set),
        }
    }

    /// A member of a merge patch that cannot be removed.
    pub(crate) fn replaced<T: FromJson>(&mut self, name: &str) -> Result<Option<T>, Refused> {
        match self.take(name) {
            None => Ok(None),
            Some(value) if value.get() == "null" => Err(self.refuse(
                name,
                Invalid::new("not_removable", "The member cannot be removed."),
            )),
            Some(value) => self.parse(name, value).map(Some),
        }
    }

    /// A member that is a list of so many values.
    pub(crate) fn list<T: FromJson>(
        &mut self,
        name: &str,
        count: RangeInclusive<usize>,
    ) -> Result<Vec<T>, Refused> {
        let Some(value) = self.take(name) else {
            return Err(self.refuse(name, Invalid::new("required", "The member is needed.")));
        };
        let Ok(values) = serde_json::from_str::<Vec<&RawValue>>(value.get()) else {
            return Err(self.refuse(
                name,
                Invalid::new("not_an_array", "A JSON array is needed."),
            ));
        };
        if !count.contains(&values.len()) {
            let code = if values.len() < *count.start() {
                "too_few"
            } else {
                "too_many"
            };
            let detail = format!(
                "Between {} and {} entries are needed.",
                count.start(),
                count.end()
            );
            return Err(self.refuse(name, Invalid::new(code, detail)));
        }
        let parse =
            |(index, value): (usize, &RawValue)| self.parse(&format!("{name}/{index}"), value);
        // Every entry is parsed before the first refusal ends it.
        let parsed: Vec<Result<T, Refused>> = values.into_iter().enumerate().map(parse).collect();
        parsed.into_iter().collect()
    }

    /// Whether a member is there that nobody has taken yet.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(known, _)| known == name)
    }

    /// The member's JSON text, if it is there.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let place = self.pairs.iter().position(|(known, _)| known == name)?;
        Some(self.pairs.remove(place).1)
    }

    /// Refuses a member, or a place below it.
    pub(crate) fn refuse(&mut self, name: &str, invalid: Invalid) -> Refused {
        let pointer = format!("{}/{}", self.pointer, escaped(name));
        self.refusals.add(pointer, invalid)
    }

    fn parse<T: FromJson>(&mut self, place: &str, value: &RawValue) -> Result<T, Refused> {
        T::from_json(value.get()).map_err(|invalid| {
            self.refusals
                .add(format!("{}/{place}", self.pointer), invalid)
        })
    }
}

/// A member's name in a JSON pointer (RFC 6901, 3).
fn escaped(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) {
        Cow::Owned(name.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(name)
    }
}

/// An object's members in their order, repeated ones too.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}
