use super::*;

const fn ms(at: u64) -> Duration {
    Duration::from_millis(at)
}

fn write(sent: u64, answered: u64, version: u64) -> Write {
    Write {
        sent: ms(sent),
        answered: ms(answered),
        node: 0,
        life: 0,
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
        life: 0,
        client: 7,
        key: 0,
        min_version: 0,
        strong: false,
        outcome: ReadOutcome::Found {
            version,
            value: Some(if version == 1 { 0 } else { version * 10 }),
            bound: bound.map(ms),
            tier: Tier::L1,
        },
    }
}

/// What is wrong with these, where the row ends at version 3 and Redis forgets nothing.
fn found(reads: Vec<Read>, writes: Vec<Write>) -> Vec<Kind> {
    found_in(&History {
        reads,
        writes,
        quiets: vec![Quiet {
            from: ms(10_000),
            until: ms(11_000),
            versions: vec![3],
        }],
        redis_keeps: true,
        ..History::default()
    })
}

fn found_in(history: &History) -> Vec<Kind> {
    let verdict = check(history, &Finals(vec![(3, None)]));
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
        ..History::default()
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
    // Who presents nothing, or is another client, is promised nothing.
    second.min_version = 0;
    assert_eq!(found(vec![first.clone(), second.clone()], two_writes()), []);
    (second.min_version, second.client) = (1, 8);
    assert_eq!(found(vec![first, second], two_writes()), []);
}

#[test]
fn an_old_version_from_the_primary_is_found_whatever_it_claims() {
    let mut forced = read(300, 301, 2, Some(1_000));
    forced.strong = true;
    assert_eq!(
        found(vec![forced.clone()], two_writes()),
        [Kind::StaleBeyondBound]
    );
    // Sent before the write was acknowledged.
    (forced.sent, forced.answered) = (ms(210), ms(400));
    assert_eq!(found(vec![forced], two_writes()), []);
}

#[test]
fn less_than_the_own_write_of_a_process_is_found_while_redis_keeps_its_word() {
    let mut own = read(300, 301, 2, None);
    own.node = 0;
    assert_eq!(
        found(vec![own.clone()], two_writes()),
        [Kind::BelowOwnWrite]
    );
    let forgetful = History {
        reads: vec![own.clone()],
        writes: two_writes(),
        ..History::default()
    };
    assert_eq!(found_in(&forgetful), []);
    // Sent before it was acknowledged; and by the same process in another life.
    let mut early = own.clone();
    early.sent = ms(205);
    own.life = 1;
    assert_eq!(found(vec![early, own], two_writes()), []);
}

#[test]
fn a_version_that_nobody_wrote_is_found() {
    assert_eq!(
        found(vec![read(300, 301, 4, None)], two_writes()),
        [Kind::NeverWritten]
    );
}

#[test]
fn an_answer_from_before_its_write_is_found() {
    assert_eq!(
        found(vec![read(90, 99, 2, None)], two_writes()),
        [Kind::TooEarly]
    );
    // The write may have had its effect as soon as it was sent.
    assert_eq!(found(vec![read(90, 101, 2, None)], two_writes()), []);
}

fn with_value(mut read: Read, with: Option<u64>) -> Read {
    if let ReadOutcome::Found { value, .. } = &mut read.outcome {
        *value = with;
    }
    read
}

#[test]
fn the_content_of_another_version_is_found() {
    for value in [Some(20), Some(0), Some(99), None] {
        let torn = with_value(read(300, 301, 3, None), value);
        assert_eq!(
            found(vec![torn], two_writes()),
            [Kind::WrongContent],
            "{value:?}"
        );
    }
}

#[test]
fn a_version_with_two_contents_is_found_though_nobody_knows_the_right_one() {
    let lost = |value| Write {
        outcome: WriteOutcome::Lost,
        value,
        ..write(100, 110, 0)
    };
    let reads = |other| {
        vec![
            with_value(read(300, 301, 2, None), Some(20)),
            with_value(read(300, 301, 2, None), Some(other)),
        ]
    };
    let writes = || vec![lost(20), lost(30)];
    assert_eq!(found(reads(20), writes()), []);
    assert_eq!(found(reads(30), writes()), [Kind::WrongContent]);
}

#[test]
fn an_answer_that_says_nothing_of_its_age_is_held_to_none() {
    let mut answer = Answer {
        status: 200,
        version: Some(2),
        bound: Bound::Missing,
        cache: String::new(),
        retry_after: false,
        value: Some(20),
        body: String::new(),
    };
    let mut silent = read(300, 301, 2, None);
    silent.outcome = ReadOutcome::of(&Ok(answer.clone()));
    assert_eq!(
        found(vec![silent.clone()], two_writes()),
        [Kind::StaleBeyondBound]
    );
    answer.bound = Bound::Unproven;
    silent.outcome = ReadOutcome::of(&Ok(answer));
    assert_eq!(found(vec![silent], two_writes()), []);
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
fn a_write_that_comes_before_an_earlier_one_is_found() {
    let writes = vec![write(100, 110, 3), write(200, 210, 2)];
    assert_eq!(found(vec![], writes), [Kind::LostWrite]);
    // Under way together, either may come first.
    let writes = vec![write(100, 210, 3), write(200, 205, 2)];
    assert_eq!(found(vec![], writes), []);
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
fn a_write_to_an_existing_user_that_is_denied_is_found() {
    let mut denied = write(300, 310, 0);
    denied.outcome = WriteOutcome::Refused(404);
    let mut writes = two_writes();
    writes.push(denied);
    assert_eq!(found(vec![], writes), [Kind::Denied]);
}

#[test]
fn an_old_version_after_quiet_is_found_whatever_it_claims() {
    assert_eq!(
        found(vec![read(10_001, 10_002, 2, None)], two_writes()),
        [Kind::NotConverged]
    );
    // The quiet is over.
    assert_eq!(found(vec![read(11_000, 11_001, 2, None)], two_writes()), []);
}
