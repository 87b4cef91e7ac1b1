use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use hifijson::token::Lex;
use hifijson::value::{self, Value};

use crate::Invalid;

/// A JSON object in canonical text: members sorted by name, no white space, strings escaped
/// as little as JSON allows, numbers digit for digit as they were given.
///
/// At most 16 KiB of canonical text and 32 levels. NUL in a string or a name and two members
/// of one name are refused, because PostgreSQL refuses the one and drops the other.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JsonObject(Box<str>);

impl JsonObject {
    /// The most octets of canonical text.
    pub const MAX_OCTETS: usize = 16 * 1024;
    /// How deep objects and arrays may nest, the object itself included.
    pub const MAX_DEPTH: usize = 32;

    /// The object without members, `{}`.
    pub fn empty() -> Self {
        Self("{}".into())
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        &*self.0 == "{}"
    }

    /// This object changed by a merge patch (RFC 7396): `null` removes, objects merge, all else replaces.
    pub fn merged_with(&self, patch: &Self) -> Result<Self, Invalid> {
        let mut target = parse(&self.0)?;
        merge(&mut target, parse(&patch.0)?);
        Self::from_members(&target)
    }

    fn from_members(members: &Members) -> Result<Self, Invalid> {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = write_members(members, &mut text);
        if text.len() > Self::MAX_OCTETS {
            return Err(Invalid::new(
                "too_long",
                "A JSON object has at most 16384 octets in its shortest form.",
            ));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Debug for JsonObject {
    /// Personal data stays out of logs: only the length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonObject({} octets)", self.0.len())
    }
}

impl FromStr for JsonObject {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::from_members(&parse(text)?)
    }
}

impl fmt::Display for JsonObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Any JSON text in the canonical form of a [`JsonObject`], whatever its length; at most 64
/// levels deep. Two texts that say the same have one form, digits of numbers aside.
pub fn canonical_json(text: &str) -> Result<String, Invalid> {
    let mut canonical = String::with_capacity(text.len());
    // Writing to a String cannot fail.
    let _ = write_json(&parse_value(text, 64)?, &mut canonical);
    Ok(canonical)
}

type Members = BTreeMap<String, Json>;

enum Json {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Self>),
    Object(Members),
}

fn parse(text: &str) -> Result<Members, Invalid> {
    match parse_value(text, JsonObject::MAX_DEPTH)? {
        Json::Object(members) => Ok(members),
        _ => Err(Invalid::new("not_an_object", "A JSON object is needed.")),
    }
}

fn parse_value(text: &str, depth: usize) -> Result<Json, Invalid> {
    let mut lexer = hifijson::SliceLexer::new(text.as_bytes());
    let parsed = lexer
        .exactly_one(Lex::ws_peek, |next, lexer| {
            value::parse_bounded(depth, next, lexer)
        })
        .map_err(|refusal| match refusal {
            hifijson::Error::Depth => Invalid::new(
                "too_deep",
                "Objects and arrays nest at most 32 levels deep.",
            ),
            other => Invalid::new("not_json", format!("This is not JSON: {other}.")),
        })?;
    own(parsed)
}

fn own<N: AsRef<str>, S: AsRef<str>>(parsed: Value<N, S>) -> Result<Json, Invalid> {
    Ok(match parsed {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(flag),
        Value::Number((digits, _)) => Json::Number(digits.as_ref().to_owned()),
        Value::String(text) => Json::String(without_nul(text.as_ref())?),
        Value::Array(items) => Json::Array(items.into_iter().map(own).collect::<Result<_, _>>()?),
        Value::Object(pairs) => {
            let mut members = Members::new();
            for (name, value) in pairs {
                let name = without_nul(name.as_ref())?;
                if members.insert(name, own(value)?).is_some() {
                    return Err(Invalid::new(
                        "duplicate_member",
                        "A JSON object names one of its members twice.",
                    ));
                }
            }
            Json::Object(members)
        }
    })
}

fn without_nul(text: &str) -> Result<String, Invalid> {
    if text.contains('\0') {
        return Err(Invalid::new(
            "nul_character",
            "The character U+0000 is not allowed.",
        ));
    }
    Ok(text.to_owned())
}

fn merge(target: &mut Members, patch: Members) {
    for (name, change) in patch {
        match change {
            Json::Null => {
                target.remove(&name);
            }
            Json::Object(changes) => {
                let slot = target.entry(name).or_insert(Json::Null);
                if !matches!(slot, Json::Object(_)) {
                    *slot = Json::Object(Members::new());
                }
                if let Json::Object(members) = slot {
                    merge(members, changes);
                }
            }
            other => {
                target.insert(name, other);
            }
        }
    }
}

fn write_json(json: &Json, out: &mut String) -> fmt::Result {
    match json {
        Json::Null => out.write_str("null"),
        Json::Bool(flag) => write!(out, "{flag}"),
        Json::Number(digits) => out.write_str(digits),
        Json::String(text) => write_string(text, out),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(item, out)?;
            }
            out.push(']');
            Ok(())
        }
        Json::Object(members) => write_members(members, out),
    }
}

fn write_members(members: &Members, out: &mut String) -> fmt::Result {
    out.push('{');
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(name, out)?;
        out.push(':');
        write_json(value, out)?;
    }
    out.push('}');
    Ok(())
}

fn write_string(text: &str, out: &mut String) -> fmt::Result {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_json_has_one_canonical_form() {
        for (text, form) in [
            (
                r#"[ {"b":1.0, "a":"\u00fc"}, null ]"#,
                r#"[{"a":"ü","b":1.0},null]"#,
            ),
            (" true ", "true"),
        ] {
            assert_eq!(canonical_json(text).unwrap(), form);
        }
        assert!(canonical_json("{").is_err());
    }

    fn canonical(text: &str) -> String {
        text.parse::<JsonObject>().unwrap().as_str().to_owned()
    }

    fn code(text: &str) -> &'static str {
        text.parse::<JsonObject>().unwrap_err().code
    }

    #[test]
    fn text_is_sorted_compact_and_keeps_every_digit() {
        assert_eq!(
            canonical(" { \"b\" : 1.10e+3 , \"a\":[ true,null, 12345678901234567890123456789 ] } "),
            r#"{"a":[true,null,12345678901234567890123456789],"b":1.10e+3}"#
        );
        assert_eq!(
            canonical(r#"{"a":"\u00e9\/\ud83d\ude00\u0001\"\\"}"#),
            "{\"a\":\"é/😀\\u0001\\\"\\\\\"}"
        );
        let once = canonical(r#"{"z":{"y":[{}]},"":""}"#);
        assert_eq!(canonical(&once), once);
    }

    #[test]
    fn what_a_store_would_change_is_refused() {
        assert_eq!(code(r#"{"a":1,"a":2}"#), "duplicate_member");
        assert_eq!(code(r#"{"a":{"b":1,"\u0062":2}}"#), "duplicate_member");
        assert_eq!(code(r#"{"a":"\u0000"}"#), "nul_character");
        assert_eq!(code("{\"a\\u0000\":1}"), "nul_character");
        for wrong in [
            "",
            "{",
            "{}{}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":NaN}",
            "{\"a\":\"\n\"}",
        ] {
            assert_eq!(code(wrong), "not_json", "{wrong:?}");
        }
        for wrong in ["[]", "1", "null", "\"a\""] {
            assert_eq!(code(wrong), "not_an_object", "{wrong}");
        }
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let deep =
            |levels: usize| format!("{}{}{}", "{\"a\":".repeat(levels), "1", "}".repeat(levels));
        assert!(deep(31).parse::<JsonObject>().is_ok());
        assert_eq!(code(&deep(JsonObject::MAX_DEPTH)), "too_deep");
        assert_eq!(code(&deep(100_000)), "too_deep");
        let long = |octets: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(octets - 8));
        assert!(long(JsonObject::MAX_OCTETS).parse::<JsonObject>().is_ok());
        assert_eq!(code(&long(JsonObject::MAX_OCTETS + 1)), "too_long");
    }

    /// The examples of RFC 7396, appendix A, whose target and patch are objects.
    #[test]
    fn merges_as_rfc_7396_says() {
        for (target, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let target: JsonObject = target.parse().unwrap();
            let merged = target.merged_with(&patch.parse().unwrap()).unwrap();
            assert_eq!(merged.as_str(), result, "{target} + {patch}");
        }
    }
}
