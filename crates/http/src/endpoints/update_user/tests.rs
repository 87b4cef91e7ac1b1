use std::path::Path;

use super::*;
use crate::extract::parse;
use crate::problem::ProblemType;

#[test]
fn fuzzed_user_patch() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/user-patch");
    let words: &[&[u8]] = &[
        b"null",
        b"\"name\":",
        b"\"metadata\":{",
        b"\"is_active\":true,",
        b"\\u0000",
        b"\\ud83d",
        b"1e999",
        b"}",
    ];
    roster_fuzz::run(&corpus, words, |octets| {
        let parsed = parse::<UserChanges>(octets);
        let problem = parsed.as_ref().err().map(Problem::kind);
        if let Some(kind) = problem {
            let refusals = [ProblemType::MalformedRequest, ProblemType::ValidationFailed];
            assert!(refusals.contains(&kind), "{kind:?}");
        }
        let shape = parsed.map(|changes| {
            (
                changes.name.is_some(),
                changes.email.is_some(),
                changes.is_active,
                std::mem::discriminant(&changes.locale),
                std::mem::discriminant(&changes.metadata),
            )
        });
        (problem, shape.ok(), octets.len().checked_ilog2())
    });
}
