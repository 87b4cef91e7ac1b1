//! The real binary on a database file.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with a database file, and the binary beside it.
struct Roster {
    folder: TempDir,
}

impl Roster {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roster"));
        command
            .env_clear()
            .env("ROSTER_DATA_DIR", self.folder.path().join("data"))
            .args(args)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// What a command that has to succeed wrote on both streams.
    fn done(&self, args: &[&str]) -> (String, String) {
        let output = self.run(args);
        let (stdout, stderr) = streams(&output);
        assert!(output.status.success(), "{args:?}: {stderr}");
        (stdout, stderr)
    }

    fn failed(&self, args: &[&str]) -> (String, String) {
        let output = self.run(args);
        let (stdout, stderr) = streams(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {stdout} {stderr}");
        (stdout, stderr)
    }
}

fn streams(output: &Output) -> (String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

fn summary(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap()
}

#[test]
fn what_was_seeded_is_exported_imported_elsewhere_and_exported_the_same() {
    let (one, two) = (Roster::new(), Roster::new());
    let (_, told) = one.done(&["seed", "--users", "1500", "--seed", "3"]);
    assert!(told.contains("stored 1,500 users"), "{told}");
    for format in ["ndjson", "csv"] {
        let file = one.path(&format!("users.{format}"));
        one.done(&["export", "--output", &file]);
        let (stdout, _) = one.done(&["export", "--format", format]);
        assert_eq!(fs::read_to_string(&file).unwrap(), stdout);

        let (report, _) = two.done(&["import", &file]);
        let expected = if format == "ndjson" {
            (1_500, 0)
        } else {
            (0, 1_500)
        };
        let report = summary(&report);
        assert_eq!(
            (report["read"].as_u64(), report["rejected"].as_u64()),
            (Some(1_500), Some(0))
        );
        assert_eq!(report["created"], expected.0);
        assert_eq!(report["skipped"], expected.1);
        let (again, _) = two.done(&["export", "--format", format]);
        assert_eq!(again, stdout);
    }
}

#[test]
fn a_database_that_is_not_empty_is_seeded_only_on_demand() {
    let roster = Roster::new();
    roster.done(&["seed", "--users", "10"]);
    let (_, told) = roster.failed(&["seed", "--users", "10"]);
    assert!(told.contains("is not empty; --append adds users"), "{told}");
    roster.done(&["seed", "--users", "10", "--append"]);
    let (rows, _) = roster.done(&["export"]);
    assert_eq!(rows.lines().count(), 20);
    assert_eq!(roster.run(&["seed", "--users", "0"]).status.code(), Some(2));
}

#[test]
fn rejected_rows_are_told_to_people_and_all_of_them_to_a_file() {
    let roster = Roster::new();
    let (file, rejects) = (roster.path("users.ndjson"), roster.path("rejects.ndjson"));
    let good = "{\"email\":\"a@example.com\",\"name\":\"A\"}\n";
    fs::write(&file, good.to_owned() + &"{\"name\":\"B\"}\n".repeat(25)).unwrap();

    let args = ["import", &file, "--rejects", &rejects];
    let (_, told) = roster.failed(&[&args[..], &["--dry-run"]].concat());
    assert!(told.contains("accepted 1,"), "{told}");
    assert!(!Path::new(&roster.path("data")).exists());

    let (report, told) = roster.failed(&args);
    let expected = json!({ "read": 26, "created": 1, "updated": 0, "skipped": 0, "rejected": 25 });
    assert_eq!(summary(&report), expected);
    assert!(
        told.contains("line 2: /email The member is needed. (required)"),
        "{told}"
    );
    assert!(
        told.contains("line 21:") && !told.contains("line 22:"),
        "{told}"
    );
    assert!(
        told.contains("5 more rows were rejected; --rejects FILE keeps all of them"),
        "{told}"
    );
    assert!(told.contains("25 of 26 rows were rejected"), "{told}");
    let rejects = fs::read_to_string(rejects).unwrap();
    assert_eq!(rejects.lines().count(), 25);
    assert_eq!(
        summary(rejects.lines().last().unwrap()),
        json!({ "line": 26, "errors": [{ "pointer": "/email", "code": "required", "detail": "The member is needed." }] })
    );
}

#[test]
fn an_import_that_stops_says_where_it_goes_on() {
    let roster = Roster::new();
    let person = |number: u32| format!("p{number}@example.com,P\n");
    let file = roster.path("users.csv");
    let rows: String = (1..=1_200).map(person).collect();
    fs::write(&file, format!("email,name\n{rows}")).unwrap();
    roster.done(&["import", &file]);
    fs::write(&file, format!("email,name\n{}{rows}", person(0))).unwrap();
    let (report, told) = roster.failed(&["import", &file, "--on-conflict", "fail"]);
    assert_eq!(summary(&report)["created"], 0);
    assert!(told.contains("done up to line 0"), "{told}");
    assert!(
        told.contains("nothing that follows is stored; --from-line 1 goes on"),
        "{told}"
    );
    assert!(
        told.contains("because a user of the file is there already"),
        "{told}"
    );
    let (report, _) = roster.done(&[
        "import",
        &file,
        "--on-conflict",
        "update",
        "--from-line",
        "2",
    ]);
    let report = summary(&report);
    assert_eq!(
        (&report["created"], &report["skipped"]),
        (&json!(1), &json!(1_200))
    );
}

#[test]
fn users_come_over_a_pipe() {
    let roster = Roster::new();
    let mut import = roster.command(&["import", "-", "--format", "csv"]);
    let mut import = import
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    import
        .stdin
        .take()
        .unwrap()
        .write_all(b"email,name\na@example.com,A\n")
        .unwrap();
    let output = import.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(summary(&streams(&output).0)["created"], 1);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let roster = Roster::new();
    let (_, told) = roster.failed(&["import", "nowhere.csv"]);
    assert!(told.contains("nowhere.csv cannot be read"), "{told}");
    let (_, told) = roster.failed(&["export", "--output", "/nowhere/users.csv"]);
    assert!(
        told.contains("/nowhere/users.csv cannot be written"),
        "{told}"
    );
}
