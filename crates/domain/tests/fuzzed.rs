//! Parsers of what strangers send, fed with whatever it may be.

use std::mem::discriminant;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use roster_domain::pagination::Cursor;
use roster_domain::search::{SearchCursor, SearchKey, SearchStart};
use roster_domain::{IdempotencyKey, JsonObject};

fn corpus(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(name)
}

/// The layout of a cursor before its checksum.
const CURSOR: usize = 30;

/// A layout with a checksum that is right, which no guess would be.
fn sealed(layout: &[u8]) -> String {
    let checksum = crc32fast::hash(layout).to_be_bytes();
    URL_SAFE_NO_PAD.encode([layout, &checksum].concat())
}

#[test]
fn fuzzed_cursor() {
    roster_fuzz::run(&corpus("cursor"), &[b"AQAA", b"-_", b"=", b"+/"], |input| {
        let text = String::from_utf8_lossy(input);
        let as_it_is = text.parse::<Cursor>();
        let repaired = sealed(&input[..input.len().min(CURSOR)]).parse::<Cursor>();
        for cursor in [&as_it_is, &repaired].into_iter().flatten() {
            assert_eq!(cursor.to_string().parse().as_ref(), Ok(cursor));
        }
        let shape = repaired.map(|cursor| (discriminant(&cursor.start), cursor.order as u8));
        (as_it_is.is_ok(), shape.is_ok(), text.len().min(CURSOR + 8))
    });
}

/// The layout of a place in a search before its key and its checksum.
const SEARCH_CURSOR: usize = 22;

#[test]
fn fuzzed_search_cursor() {
    let words: &[&[u8]] = &[
        b"\x02\x03",
        b"AgIA",
        b"\0",
        "ë".as_bytes(),
        b"\xf0\x9f",
        b"=",
    ];
    roster_fuzz::run(&corpus("search-cursor"), words, |input| {
        let text = String::from_utf8_lossy(input);
        let repaired = sealed(input);
        let parsed =
            [&*text, &repaired].map(|text| (text.to_owned(), text.parse::<SearchCursor>()));
        let mut shapes = Vec::new();
        for (text, cursor) in parsed {
            let Ok(cursor) = cursor else {
                shapes.push(None);
                continue;
            };
            // It is written as it was read, to the last bit.
            assert_eq!(cursor.to_string(), text);
            let key = match cursor.start {
                SearchStart::After(key, _) | SearchStart::Before(key, _) => key,
                start => panic!("no cursor says {start:?}"),
            };
            let length = key.as_str().len();
            assert!(length <= SearchKey::MAX_OCTETS);
            assert!(!key.as_str().contains('\0'));
            let shape = (discriminant(&cursor.start), cursor.order as u8, length);
            shapes.push(Some(shape));
        }
        // Whatever is not of the layout is refused.
        let longest = SEARCH_CURSOR + SearchKey::MAX_OCTETS;
        let fits = (SEARCH_CURSOR..=longest).contains(&input.len());
        assert!(fits || shapes[1].is_none(), "{} octets", input.len());
        (shapes, input.len().min(longest + 1))
    });
}

#[test]
fn fuzzed_merge_patch() {
    let words: &[&[u8]] = &[
        b"null", b"{\"a\":", b"{}", b"\\u0000", b"\\ud800", b"1e400", b"\n", b"[[",
    ];
    roster_fuzz::run(&corpus("merge-patch"), words, |input| {
        let text = String::from_utf8_lossy(input);
        let (target, patch) = text.split_once('\n').unwrap_or((&text, "{}"));
        let parsed = (target.parse::<JsonObject>(), patch.parse::<JsonObject>());
        let code = |parsed: &Result<JsonObject, roster_domain::Invalid>| {
            parsed.as_ref().err().map(|invalid| invalid.code)
        };
        let codes = (code(&parsed.0), code(&parsed.1));
        let (Ok(target), Ok(patch)) = parsed else {
            return (codes, None, 0);
        };
        let merged = target.merged_with(&patch);
        if let Ok(merged) = &merged {
            // Canonical text is its own canonical text, and a patch that was applied changes
            // nothing when it is applied again.
            assert_eq!(merged.as_str().parse().as_ref(), Ok(merged));
            assert_eq!(merged.merged_with(&patch).as_ref(), Ok(merged));
            assert!(merged.as_str().len() <= JsonObject::MAX_OCTETS);
            assert_eq!(
                target.merged_with(&JsonObject::empty()).as_ref(),
                Ok(&target)
            );
        }
        let length = merged
            .as_ref()
            .map_or(0, |merged| merged.as_str().len().ilog2());
        (codes, code(&merged), length)
    });
}

#[test]
fn fuzzed_idempotency_key() {
    roster_fuzz::run(
        &corpus("idempotency-key"),
        &[b"\"", b"~", b" ", b"\x7f"],
        |input| {
            let text = String::from_utf8_lossy(input);
            let key = text.parse::<IdempotencyKey>();
            let is_visible = text.bytes().all(|octet| octet.is_ascii_graphic());
            let is_key = is_visible && (1..=255).contains(&text.len());
            assert_eq!(key.is_ok(), is_key, "{} octets", text.len());
            if let Ok(key) = &key {
                assert_eq!(key.as_str(), text);
            }
            (
                key.map_err(|invalid| invalid.code).err(),
                text.len().min(256),
            )
        },
    );
}
