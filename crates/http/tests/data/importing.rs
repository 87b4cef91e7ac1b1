//! Reading users from files: every row is decided about, and told when it is not taken.

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use roster_adapters_memory::{ManualClock, MemoryStore, MemoryUserTransfer, SequentialIds};
use roster_domain::ports::{
    ImportRow, MockUserTransfer, OnConflict, RowResult, StoreError, UserTransfer,
};
use roster_domain::{User, UserId};
use roster_http::transfer::{
    Format, ImportObserver, ImportOptions, ImportReport, ImportStop, Rejection, Summary, import,
};

#[derive(Default)]
struct Told {
    rejections: Vec<Rejection>,
    octets: u64,
    full_after: Option<usize>,
}

impl Told {
    /// Line, pointer and code of everything that was rejected.
    fn codes(&self) -> Vec<(u64, &str, &str)> {
        let all = self.rejections.iter();
        all.flat_map(|rejection| {
            let errors = rejection.errors.iter();
            errors.map(|error| (rejection.line, error.pointer.as_str(), error.code))
        })
        .collect()
    }
}

impl ImportObserver for Told {
    fn rejected(&mut self, rejection: &Rejection) -> io::Result<()> {
        if self.full_after == Some(self.rejections.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.rejections.push(rejection.clone());
        Ok(())
    }

    fn progressed(&mut self, octets: u64, _: &Summary) {
        self.octets = octets;
    }
}

struct Importing {
    transfer: Option<Arc<dyn UserTransfer>>,
    clock: ManualClock,
    ids: SequentialIds,
    options: ImportOptions,
}

impl Importing {
    fn new(format: Format) -> Self {
        Self {
            transfer: Some(Arc::new(MemoryUserTransfer::new(MemoryStore::new()))),
            clock: ManualClock::default(),
            ids: SequentialIds::new(),
            options: ImportOptions {
                format,
                on_conflict: OnConflict::Skip,
                from_line: 1,
            },
        }
    }

    async fn read(&self, input: impl Read + Send + 'static, told: &mut Told) -> ImportReport {
        let never = std::future::pending();
        let surroundings = (&self.clock as _, &self.ids as _);
        import(
            self.transfer.as_deref(),
            surroundings,
            input,
            self.options,
            told,
            never,
        )
        .await
    }

    async fn text(&self, text: impl Into<Vec<u8>>) -> (ImportReport, Told) {
        let mut told = Told::default();
        let report = self.read(Cursor::new(text.into()), &mut told).await;
        (report, told)
    }

    async fn stored(&self) -> Vec<User> {
        let transfer = self.transfer.as_ref().unwrap();
        transfer.export(None, 10_000).await.unwrap()
    }
}

fn summary(report: &ImportReport) -> [u64; 5] {
    let Summary {
        read,
        created,
        updated,
        skipped,
        rejected,
    } = report.summary;
    assert_eq!(read, created + updated + skipped + rejected);
    [read, created, updated, skipped, rejected]
}

fn person(number: usize) -> String {
    format!("{{\"email\":\"p{number}@example.com\",\"name\":\"P {number}\"}}\n")
}

#[tokio::test]
async fn what_a_row_leaves_out_is_made_and_what_it_says_is_kept() {
    let importing = Importing::new(Format::Ndjson);
    let (report, told) = importing
        .text(concat!(
            "{\"email\":\"ann@example.com\",\"name\":\"Ann\"}\n",
            "{\"id\":\"0190C2A8-7D3E-7C5B-9F1E-3A2B1C0D9E8F\",\"email\":\"zoë@bücher.example\",",
            "\"name\":\"Zoë\",\"is_active\":false,\"locale\":\"PT-br\",\"avatar_url\":null,",
            "\"metadata\":{\"b\":1.10,\"a\":{}},\"created_at\":\"2020-02-02T02:02:02+02:00\"}",
        ))
        .await;
    assert!(report.stopped.is_none() && told.rejections.is_empty());
    assert_eq!(
        (summary(&report), report.committed_line),
        ([2, 2, 0, 0, 0], 2)
    );
    let users = importing.stored().await;
    assert_eq!(users[0].id, UserId::new(SequentialIds::id(1)));
    assert_eq!(
        users[0].created_at.to_string(),
        "2026-01-01T00:00:00.000000Z"
    );
    assert!(users[0].is_active && users[0].metadata.is_empty());
    assert_eq!(
        users[1].id.to_string(),
        "0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f"
    );
    assert_eq!(users[1].metadata.as_str(), r#"{"a":{},"b":1.10}"#);
    assert_eq!(users[1].locale.as_ref().unwrap().as_str(), "pt-BR");
    assert_eq!(
        users[1].created_at.to_string(),
        "2020-02-02T00:02:02.000000Z"
    );
    assert!(!users[1].is_active);
}

#[tokio::test]
async fn every_line_that_is_wrong_is_told_with_all_that_is_wrong_and_stops_nothing() {
    let mut file = Vec::new();
    for line in [
        &b"\xef\xbb\xbf{\"email\":\"first@example.com\",\"name\":\"After a mark\"}\r"[..],
        b"",
        b"{\"email\":\"nobody\",\"name\":\"\",\"locale\":7,\"is_active\":\"yes\"}",
        b"{\"name\":\"No address\"}",
        b"{\"email\":\"a@example.com\",\"name\":\"A\",\"name\":\"B\"}",
        b"{\"email\":\"a@example.com\",\"name\":\"A\",\"nickname\":\"B\"}",
        b"{\"email\":\"a@example.com\",\"name\":\"A\",\"metadata\":{\"k\":1,\"k\":2}}",
        b"{\"email\":\"a@example.com\",\"name\":\"A\",\"version\":3,\"updated_at\":null}",
        b"   \t ",
        b"[1]",
        b"{\"email\":",
        b"{\"email\":\"a@example.com\",\"name\":\"A\"} {}",
        b"{\"email\":\"a@example.com\",\"name\":\"\xff\"}",
        b"{\"email\":\"a@example.com\",\"name\":\"\\ud800\"}",
        b"{\"email\":\"a@example.com\",\"name\":\"A\\u0000\"}",
        b"{\"email\":\"a@example.com\",\"name\":\"A\",\"id\":\"7\",\"created_at\":\"today\"}",
        b"{\"email\":\"FIRST@example.com\",\"name\":\"There\",\"id\":\"0190c2a8-7d3e-7c5b-9f1e-3a2b1c0d9e8f\"}",
        b"{\"email\":\"last@example.com\",\"name\":\"No line break\"}",
    ] {
        file.extend_from_slice(line);
        file.push(b'\n');
    }
    file.pop();
    let octets = file.len() as u64;
    let importing = Importing::new(Format::Ndjson);
    let (report, told) = importing.text(file).await;
    assert_eq!(
        told.codes(),
        [
            (3, "/email", "not_an_email"),
            (3, "/name", "empty"),
            (3, "/is_active", "not_a_boolean"),
            (3, "/locale", "not_a_string"),
            (4, "/email", "required"),
            (5, "/name", "duplicate_member"),
            (6, "/nickname", "unknown_member"),
            (7, "/metadata", "duplicate_member"),
            (8, "/version", "not_importable"),
            (8, "/updated_at", "not_importable"),
            (10, "", "not_an_object"),
            (11, "", "not_json"),
            (12, "", "not_json"),
            (13, "", "not_utf8"),
            (14, "/name", "not_text"),
            (15, "/name", "control_character"),
            (16, "/id", "not_a_uuid"),
            (16, "/created_at", "not_a_time"),
            (17, "/email", "email_taken"),
        ]
    );
    assert_eq!(
        (summary(&report), report.committed_line),
        ([16, 2, 0, 0, 14], 18)
    );
    assert_eq!(told.octets, octets);
    assert_eq!(
        told.rejections[0]
            .to_string()
            .split(" This")
            .next()
            .unwrap(),
        "line 3: /email",
    );
}

#[tokio::test]
async fn a_row_of_more_than_a_mebibyte_is_passed_over() {
    for (format, head, tail) in [
        (
            Format::Ndjson,
            "",
            "{\"email\":\"a@example.com\",\"name\":\"A\"}\n",
        ),
        (Format::Csv, "email,name\n", "a@example.com,A\n"),
    ] {
        let importing = Importing::new(format);
        let long = "x".repeat((1 << 20) + 1);
        let (report, told) = importing.text(format!("{head}{long}\n{tail}")).await;
        let line = if format == Format::Csv { 2 } else { 1 };
        assert_eq!(told.codes(), [(line, "", "too_long")]);
        assert_eq!(
            (summary(&report), report.committed_line),
            ([2, 1, 0, 0, 1], line + 1)
        );
    }
}

#[tokio::test]
async fn a_csv_row_may_have_line_breaks_and_counts_as_the_line_it_begins_on() {
    let importing = Importing::new(Format::Csv);
    let (report, told) = importing
        .text(concat!(
            "\u{feff}\"name\",email,metadata,is_active\r\n",
            "\"Ann \"\"A\"\" Lee, Jr.\",ann@example.com,\"{\"\"a\"\":\n\"\"b\"\"}\",false\r\n",
            "\r\n",
            "\n",
            "Bob,bob@example,,true\n",
            "\"two\nlines\",c@example.com,,\n",
            "too,few\n",
            "Dan,dan@example.com,[],TRUE",
        ))
        .await;
    assert_eq!(
        told.codes(),
        [
            (6, "/email", "not_an_email"),
            (7, "/name", "control_character"),
            (9, "", "wrong_field_count"),
            (10, "/is_active", "not_a_boolean"),
            (10, "/metadata", "not_an_object"),
        ]
    );
    assert_eq!(
        (summary(&report), report.committed_line),
        ([5, 1, 0, 0, 4], 10)
    );
    let users = importing.stored().await;
    assert_eq!(users[0].name.as_str(), "Ann \"A\" Lee, Jr.");
    assert_eq!(users[0].metadata.as_str(), r#"{"a":"b"}"#);
    assert!(!users[0].is_active);
}

#[tokio::test]
async fn a_quote_that_is_never_closed_is_told_where_it_begins() {
    let importing = Importing::new(Format::Csv);
    let (report, told) = importing
        .text("email,name\na@example.com,A\nb@example.com,\"B\nc@example.com,C\n")
        .await;
    assert_eq!(told.codes(), [(3, "", "unclosed_quote")]);
    assert_eq!(summary(&report), [2, 1, 0, 0, 1]);
    let (_, told) = importing
        .text(&b"email,name\na@example.com,\xe9\n"[..])
        .await;
    assert_eq!(told.codes(), [(2, "/name", "not_utf8")]);
}

#[tokio::test]
async fn a_header_that_does_not_name_the_columns_stops_before_the_first_row() {
    for (text, expected) in [
        ("", "\"email\" is missing"),
        ("email\n", "\"name\" is missing"),
        ("email,name,email\n", "\"email\" is there twice"),
        ("email,name,Nick\n", "There is no column \"Nick\""),
        ("email,name,version\n", "A file cannot set it"),
        ("ann@example.com,Ann\n", "There is no column"),
    ] {
        let (report, _) = Importing::new(Format::Csv).text(text).await;
        match report.stopped {
            Some(ImportStop::Header(detail)) => assert!(detail.contains(expected), "{detail}"),
            other => panic!("{text:?}: {other:?}"),
        }
    }
    let (report, _) = Importing::new(Format::Csv).text("email,name\n").await;
    assert!(report.stopped.is_none());
}

#[tokio::test]
async fn a_user_who_is_there_is_skipped_or_updated() {
    let mut importing = Importing::new(Format::Ndjson);
    importing.text(person(1)).await;
    let renamed = "{\"email\":\"P1@example.com\",\"name\":\"Renamed\"}\n";
    let (report, _) = importing.text(renamed).await;
    assert_eq!(summary(&report), [1, 0, 0, 1, 0]);
    importing.options.on_conflict = OnConflict::Update;
    let (report, _) = importing.text(format!("{renamed}{renamed}")).await;
    assert_eq!(summary(&report), [2, 0, 1, 1, 0]);
    assert_eq!(importing.stored().await[0].name.as_str(), "Renamed");
}

#[tokio::test]
async fn fail_stops_before_the_batch_of_the_first_conflict_and_can_be_gone_on_with() {
    let mut importing = Importing::new(Format::Ndjson);
    importing.options.on_conflict = OnConflict::Fail;
    importing.text(person(2_500)).await;
    let file: String = (1..=3_500).map(person).collect::<String>() + "nonsense\n";
    let (report, told) = importing.text(file.clone()).await;
    assert!(matches!(report.stopped, Some(ImportStop::Conflict)));
    assert_eq!(told.codes(), [(2_500, "", "exists")]);
    assert_eq!(
        (summary(&report), report.committed_line),
        ([2_000, 2_000, 0, 0, 0], 2_000)
    );
    assert_eq!(importing.stored().await.len(), 2_001);

    importing.options.from_line = report.committed_line + 1;
    importing.options.on_conflict = OnConflict::Skip;
    let (report, told) = importing.text(file).await;
    assert_eq!(told.codes(), [(3_501, "", "not_json")]);
    assert_eq!(
        (summary(&report), report.committed_line),
        ([1_501, 1_499, 0, 1, 1], 3_501)
    );
    assert_eq!(importing.stored().await.len(), 3_500);
}

#[tokio::test]
async fn a_trial_needs_no_store_and_tells_the_same_lines() {
    let mut importing = Importing::new(Format::Ndjson);
    importing.transfer = None;
    let (report, told) = importing.text(person(1) + "{}\n" + &person(1)).await;
    assert_eq!(summary(&report), [3, 2, 0, 0, 1]);
    assert_eq!(
        told.codes(),
        [(2, "/email", "required"), (2, "/name", "required")]
    );
}

#[tokio::test]
async fn a_store_that_fails_stops_with_the_last_line_that_is_safe() {
    let mut store = MockUserTransfer::new();
    let mut batches = 0;
    store
        .expect_import()
        .returning(move |rows: &[ImportRow], _, _| {
            batches += 1;
            match batches {
                1 => Ok(rows
                    .iter()
                    .map(|row| RowResult::Created(row.user.id))
                    .collect()),
                _ => Err(StoreError::Unavailable("gone".into())),
            }
        });
    let mut importing = Importing::new(Format::Ndjson);
    importing.transfer = Some(Arc::new(store));
    let (report, _) = importing
        .text((1..=1_500).map(person).collect::<String>())
        .await;
    assert!(matches!(report.stopped, Some(ImportStop::Store(_))));
    assert_eq!(
        (summary(&report), report.committed_line),
        ([1_000, 1_000, 0, 0, 0], 1_000)
    );
}

#[tokio::test]
async fn rejections_that_nobody_can_be_told_stop_the_import() {
    let importing = Importing::new(Format::Ndjson);
    let mut told = Told {
        full_after: Some(1),
        ..Told::default()
    };
    let report = importing.read(Cursor::new("{}\n{}\n{}\n"), &mut told).await;
    assert!(matches!(report.stopped, Some(ImportStop::Rejects(_))));
    assert_eq!((told.rejections.len(), report.committed_line), (1, 0));
}

#[tokio::test]
async fn an_input_that_breaks_off_stops_after_the_last_whole_batch() {
    struct Broken(Cursor<Vec<u8>>);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::ErrorKind::ConnectionReset.into()),
                some => Ok(some),
            }
        }
    }
    let file: String = (1..=1_200).map(person).collect();
    let importing = Importing::new(Format::Ndjson);
    let report = importing
        .read(Broken(Cursor::new(file.into())), &mut Told::default())
        .await;
    assert!(matches!(report.stopped, Some(ImportStop::Input(_))));
    assert_eq!(
        (report.committed_line, importing.stored().await.len()),
        (1_000, 1_000)
    );
}

#[tokio::test]
async fn an_interruption_ends_an_import_that_waits_for_its_input() {
    let (_writer, reader) = std::os::unix::net::UnixStream::pair().unwrap();
    let importing = Importing::new(Format::Ndjson);
    let mut told = Told::default();
    let report = import(
        importing.transfer.as_deref(),
        (&importing.clock, &importing.ids),
        reader,
        importing.options,
        &mut told,
        std::future::ready(()),
    )
    .await;
    assert!(matches!(report.stopped, Some(ImportStop::Interrupted)));
}
