use super::check::Kind;
use super::*;

const fn ms(at: u64) -> Duration {
    Duration::from_millis(at)
}

fn write(sent: u64, answered: u64, version: u64) -> Write {
    Write {
        sent: ms(sent),
        answered: ms(answered),
        node: 0,
        key: 0,
        value: version * 10,
        outcome: WriteOutcome::Done(version),
    }
}

fn read(sent: u64, answered: u64, version: u64, bound: Option<u64>) -> Read {
    Read {
        sent: ms(sent),
        answered: ms(answered),
        node: 1,
        client: 7,
        key: 0,
        min_version: 0,
        outcome: ReadOutcome::Found {
            version,
            value: Some(if version == 1 { 0 } else { version * 10 }),
            bound: bound.map(ms),
            tier: Tier::L1,
        },
    }
}

/// What is wrong with these, where the row ends at version 3.
fn found(reads: Vec<Read>, writes: Vec<Write>) -> Vec<Kind> {
    let history = History {
        reads,
        writes,
        quiet_from: Some(ms(10_000)),
    };
    let verdict = check(&history, &Finals(vec![(3, None)]));
    for violation in &verdict.violations {
        assert!(!history.excerpt(violation).is_empty());
    }
    verdict
        .violations
        .iter()
        .map(|violation| violation.kind)
        .collect()
}

fn two_writes() -> Vec<Write> {
    vec![write(100, 110, 2), write(200, 210, 3)]
}

#[test]
fn what_the_guarantee_allows_is_no_violation() {
    let reads = vec![
        read(0, 5, 1, Some(0)),
        // Under way together with the write: either version.
        read(105, 120, 1, Some(0)),
        read(105, 120, 2, Some(0)),
        // Old, and says so.
        read(150, 151, 1, Some(41)),
        read(5_000, 5_001, 1, Some(4_900)),
        // Old, and nothing is claimed.
        read(5_000, 5_001, 1, None),
        read(300, 301, 3, Some(0)),
        read(10_001, 10_002, 3, Some(0)),
    ];
    assert_eq!(found(reads, two_writes()), []);
}

#[test]
fn an_answer_older_than_its_bound_is_found() {
    // Acknowledged at 110; 40 ms before 151 is later than that.
    let reads = vec![read(151, 152, 1, Some(40))];
    assert_eq!(found(reads, two_writes()), [Kind::StaleBeyondBound]);
}

#[test]
fn the_excerpt_names_the_write_that_was_overlooked() {
    let history = History {
        reads: vec![read(500, 501, 1, Some(40))],
        writes: two_writes(),
        quiet_from: None,
    };
    let verdict = check(&history, &Finals(vec![(3, None)]));
    let lines = history.excerpt(&verdict.violations[0]);
    assert!(
        lines[1].contains("> ") && lines[1].contains("acknowledged at version 2"),
        "{lines:#?}"
    );
    assert!(
        lines[3].starts_with("> ") && lines[3].contains("version 1 from L1"),
        "{lines:#?}"
    );
}

#[test]
fn a_version_below_the_one_presented_is_found() {
    let mut one = read(105, 106, 1, None);
    one.min_version = 2;
    assert_eq!(found(vec![one], two_writes()), [Kind::BelowMinimum]);
}

#[test]
fn a_client_that_presents_versions_and_is_taken_back_is_found() {
    let (first, mut second) = (read(205, 206, 3, None), read(207, 208, 2, None));
    second.min_version = 1;
    assert_eq!(
        found(vec![first.clone(), second.clone()], two_writes()),
        [Kind::WentBack]
    );
    // Who presents nothing, or is another, is promised nothing.
    second.min_version = 0;
    assert_eq!(found(vec![first.clone(), second.clone()], two_writes()), []);
    (second.min_version, second.client) = (1, 8);
    assert_eq!(found(vec![first, second], two_writes()), []);
}

#[test]
fn a_version_that_nobody_wrote_is_found() {
    assert_eq!(
        found(vec![read(300, 301, 4, None)], two_writes()),
        [Kind::NeverWritten]
    );
}

#[test]
fn the_content_of_another_version_is_found() {
    let mut torn = read(300, 301, 3, None);
    if let ReadOutcome::Found { value, .. } = &mut torn.outcome {
        *value = Some(20);
    }
    assert_eq!(found(vec![torn], two_writes()), [Kind::WrongContent]);
}

#[test]
fn a_write_without_an_answer_may_have_happened_or_not() {
    let mut lost = write(200, 210, 3);
    lost.outcome = WriteOutcome::Lost;
    let reads = vec![read(300, 301, 3, Some(0)), read(300, 301, 2, Some(0))];
    assert_eq!(found(reads, vec![write(100, 110, 2), lost]), []);
}

#[test]
fn a_lost_and_a_doubled_write_are_found() {
    // The row ends at 3: version 4 is gone, and what made version 3 is unknown.
    assert_eq!(
        found(vec![], vec![write(100, 110, 2), write(200, 210, 4)]),
        [Kind::LostWrite]
    );
    assert_eq!(found(vec![], vec![write(100, 110, 2)]), [Kind::LostWrite]);
    let twice = vec![write(100, 110, 2), write(200, 210, 2)];
    assert!(found(vec![], twice).contains(&Kind::LostWrite));
}

#[test]
fn an_existing_user_that_is_denied_is_found() {
    for outcome in [ReadOutcome::Absent, ReadOutcome::Ahead] {
        let mut denied = read(300, 301, 3, None);
        denied.outcome = outcome;
        assert_eq!(found(vec![denied], two_writes()), [Kind::Denied]);
    }
}

#[test]
fn an_old_version_after_quiet_is_found_whatever_it_claims() {
    assert_eq!(
        found(vec![read(10_001, 10_002, 2, None)], two_writes()),
        [Kind::NotConverged]
    );
}
