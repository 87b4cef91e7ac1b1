use std::collections::BTreeMap;

use serde_json::json;

use super::Stage;
use crate::Result;
use crate::report::Report;

const TESTS: &str = include_str!("../../data/isemail-tests.xml");

/// The diagnoses in which Roster and the file differ, each with why in `docs/email-addresses.md`.
const DEVIATIONS: [(&str, Verdict); 5] = [
    ("ISEMAIL_RFC5321_ADDRESSLITERAL", Verdict::Refused),
    ("ISEMAIL_RFC5321_QUOTEDSTRING", Verdict::Refused),
    ("ISEMAIL_RFC5321_TLD", Verdict::Refused),
    ("ISEMAIL_RFC5321_TLDNUMERIC", Verdict::Refused),
    ("ISEMAIL_VALID", Verdict::Refused),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Accepted,
    Refused,
}

/// Every address of the file through create.
///
/// The file calls an address fit for SMTP in the categories valid, DNS warning and RFC 5321.
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let document = roxmltree::Document::parse(TESTS)?;
    let mut counts: BTreeMap<(String, Verdict), usize> = BTreeMap::new();
    let mut deviations: BTreeMap<(String, Verdict), usize> = BTreeMap::new();
    let mut odd = Vec::new();
    for test in document
        .descendants()
        .filter(|node| node.has_tag_name("test"))
    {
        let text = |name: &str| {
            test.children()
                .find(|node| node.has_tag_name(name))
                .and_then(|node| node.text())
                .unwrap_or_default()
        };
        let address = with_controls(text("address"));
        let body = json!({ "email": address, "name": "Somebody" });
        let answer = stage.client.create("/v1/users", &body).await?;
        let verdict = match answer.status.as_u16() {
            201 if answer.body["email"] == address => Verdict::Accepted,
            // Another test's address, in its normalised form.
            409 => Verdict::Accepted,
            422 if answer.is_problem() => Verdict::Refused,
            status => {
                odd.push(format!("{}: {status}", text("diagnosis")));
                continue;
            }
        };
        let category = text("category")
            .trim_start_matches("ISEMAIL_")
            .trim_end_matches("_CATEGORY")
            .to_owned();
        let theirs = if matches!(&*category, "VALID" | "DNSWARN" | "RFC5321") {
            Verdict::Accepted
        } else {
            Verdict::Refused
        };
        if verdict != theirs {
            *deviations
                .entry((text("diagnosis").to_owned(), verdict))
                .or_default() += 1;
        }
        *counts.entry((category, verdict)).or_default() += 1;
    }
    let expected: Vec<_> = DEVIATIONS
        .iter()
        .map(|(name, verdict)| ((*name).to_owned(), *verdict))
        .collect();
    let unexplained: Vec<_> = deviations
        .keys()
        .filter(|kind| !expected.contains(kind))
        .collect();
    let note = format!(
        "{}; {} deviate in {} explained kinds; unexplained {unexplained:?}; odd answers {odd:?}",
        counts
            .iter()
            .map(|((category, verdict), count)| format!("{category} {verdict:?} {count}"))
            .collect::<Vec<_>>()
            .join(", "),
        deviations.values().sum::<usize>(),
        deviations.len() - unexplained.len(),
    );
    report.check(
        "isemail addresses",
        unexplained.is_empty() && odd.is_empty(),
        note,
    );
    Ok(())
}

/// The file writes control characters as their symbols, because XML cannot hold them.
fn with_controls(address: &str) -> String {
    address
        .chars()
        .map(|c| match u32::from(c) {
            symbol @ 0x2400..=0x241f => char::from_u32(symbol - 0x2400).unwrap_or(c),
            _ => c,
        })
        .collect()
}
