//! What is exported can be imported, and exported again octet for octet.

use std::fs;
use std::io::{self, Cursor};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use roster_adapters_memory::{ManualClock, MemoryStore, MemoryUserTransfer, SequentialIds};
use roster_domain::ports::{
    MockUserTransfer, OnConflict, SeedBatch, SeedUser, StoreError, UserTransfer,
};
use roster_domain::{NewUser, Timestamp, UserId};
use roster_http::seeding::SeedPlan;
use roster_http::transfer::{
    ExportError, Format, ImportObserver, ImportOptions, Rejection, Summary, Target, export, import,
};
use uuid::Uuid;

fn store() -> Arc<dyn UserTransfer> {
    Arc::new(MemoryUserTransfer::new(MemoryStore::new()))
}

async fn export_to(
    path: &Path,
    store: &Arc<dyn UserTransfer>,
    format: Format,
) -> Result<u64, ExportError> {
    export(
        Arc::clone(store),
        format,
        Target::file(path, [7; 16]).unwrap(),
        |_| {},
    )
    .await
}

async fn exported(store: &Arc<dyn UserTransfer>, format: Format) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    export_to(&path, store, format).await.unwrap();
    fs::read(path).unwrap()
}

struct NothingRejected;

impl ImportObserver for NothingRejected {
    fn rejected(&mut self, rejection: &Rejection) -> io::Result<()> {
        panic!("{rejection}");
    }

    fn progressed(&mut self, _: u64, _: &Summary) {}
}

async fn imported(octets: Vec<u8>, format: Format) -> Arc<dyn UserTransfer> {
    let store = store();
    let (clock, ids) = (ManualClock::default(), SequentialIds::new());
    let report = import(
        Some(&*store),
        (&clock, &ids),
        Cursor::new(octets),
        ImportOptions {
            format,
            on_conflict: OnConflict::Fail,
            from_line: 1,
        },
        &mut NothingRejected,
        std::future::pending(),
    )
    .await;
    assert!(report.stopped.is_none(), "{report:?}");
    store
}

async fn comes_back(users: Vec<NewUser>) {
    let seeded = store();
    let users = users.into_iter().map(|user| SeedUser {
        user,
        notifications: Vec::new(),
        activities: Vec::new(),
    });
    seeded
        .seed(&SeedBatch {
            users: users.collect(),
        })
        .await
        .unwrap();
    for format in [Format::Ndjson, Format::Csv] {
        let once = exported(&seeded, format).await;
        let again = exported(&imported(once.clone(), format).await, format).await;
        assert_eq!(
            String::from_utf8(once).unwrap(),
            String::from_utf8(again).unwrap()
        );
    }
}

/// Text of the characters that formats trip over, and of any others.
fn tricky() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\"".to_owned()),
        Just(",".to_owned()),
        Just("\\".to_owned()),
        Just("\u{2028}".to_owned()),
        Just("\u{feff}".to_owned()),
        Just(" ".to_owned()),
        Just("=1+1".to_owned()),
        "\\PC{1,6}",
    ];
    prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

prop_compose! {
    fn any_user()(
        id: u128,
        name in tricky().prop_filter("a name", |name| name.parse::<roster_domain::UserName>().is_ok()),
        is_active: bool,
        locale in prop::option::of(prop::sample::select(vec!["de", "pt-BR", "zh-Hant-TW"])),
        avatar in prop::option::of("https://img\\.example/[a-z%,;\"=]{0,12}"),
        member in tricky(),
        number in -1e300_f64..1e300,
        micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000,
    ) -> NewUser {
        let metadata = serde_json::json!({ &member: [&member, null, number], "deep": { "er": {} } });
        NewUser {
            id: UserId::new(Uuid::from_u128(id)),
            email: format!("\"a,{}\"@example.com", id % 1_000_000_007).parse().unwrap(),
            name: name.parse().unwrap(),
            locale: locale.map(|locale| locale.parse().unwrap()),
            avatar_url: avatar.and_then(|avatar| avatar.parse().ok()),
            metadata: metadata.to_string().parse().unwrap_or_else(|_| "{}".parse().unwrap()),
            is_active,
            created_at: Timestamp::from_unix_micros(micros).unwrap(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_user_comes_back_octet_for_octet(
        users in prop::collection::btree_map(any::<u64>(), any_user(), 1..20),
    ) {
        let mut addresses = std::collections::HashSet::new();
        let users = users.into_values().filter(|user| addresses.insert(user.email.normalized().to_owned()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(comes_back(users.collect()));
    }
}

#[tokio::test]
async fn thousands_of_users_come_back_over_page_and_batch_ends() {
    for users in [1_u64, 1_000, 2_001] {
        let plan = SeedPlan::new(users, 5, 0).unwrap();
        let made = plan.batch(0..users).unwrap().users;
        comes_back(made.into_iter().map(|made| made.user).collect()).await;
    }
}

#[tokio::test]
async fn both_formats_are_frozen() {
    let seeded = store();
    let plan = SeedPlan::new(3, 11, 0).unwrap();
    seeded.seed(&plan.batch(0..3).unwrap()).await.unwrap();
    for (name, format) in [("ndjson", Format::Ndjson), ("csv", Format::Csv)] {
        let text = String::from_utf8(exported(&seeded, format).await).unwrap();
        insta::assert_snapshot!(name, text);
    }
}

#[tokio::test]
async fn a_formula_is_written_as_it_is() {
    let user: NewUser = SeedPlan::new(1, 1, 0).unwrap().user(0).unwrap().user;
    let name = "=HYPERLINK(\"https://evil.example\")".parse().unwrap();
    comes_back(vec![NewUser { name, ..user }]).await;
}

#[tokio::test]
async fn a_file_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.csv");
    fs::write(&path, "before").unwrap();

    let mut failing = MockUserTransfer::new();
    failing
        .expect_export()
        .returning(|_, _| Err(StoreError::Unavailable("gone".into())));
    let failing: Arc<dyn UserTransfer> = Arc::new(failing);
    let outcome = export_to(&path, &failing, Format::Csv).await;
    assert!(matches!(outcome, Err(ExportError::Store(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "before");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    assert_eq!(export_to(&path, &store(), Format::Csv).await.unwrap(), 0);
    let header = "id,email,name,is_active,locale,avatar_url,metadata,created_at\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), header);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_folder_is_no_file_and_a_link_keeps_its_place() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Target::file(folder.path(), [0; 16]).is_err());
    assert!(Target::file(&folder.path().join("missing/users"), [0; 16]).is_err());

    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    fs::write(&real, "before").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    export_to(&link, &store(), Format::Ndjson).await.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), "");
}

#[test]
fn the_name_of_a_file_says_its_format() {
    for (name, format) in [
        ("a.csv", Some(Format::Csv)),
        ("A.CSV", Some(Format::Csv)),
        ("a.ndjson", Some(Format::Ndjson)),
        ("a.jsonl", Some(Format::Ndjson)),
        ("a", None),
        ("-", None),
    ] {
        assert_eq!(Format::of_path(Path::new(name)), format, "{name}");
    }
}
