use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;

use super::Stage;
use crate::Result;
use crate::report::Report;
use crate::roster::say;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemathesis");
const DOCUMENT: &str = "openapi.json";
const REQUIREMENTS: &str = include_str!("../../schemathesis/requirements.txt");

/// The OpenAPI document against the service: requests that fit it and requests that do not, made
/// by schemathesis, with every check that it has.
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    const CHECK: &str = "schemathesis finds no failure";
    let tools = match installed().await {
        Ok(tools) => tools,
        Err(error) if std::env::var_os("REQUIRE_SERVICES").is_none() => {
            report.note(CHECK, format!("skipped: {error}"));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    // One whom no first page shows to the requests that delete.
    let user = stage
        .ids
        .get(stage.ids.len() / 2)
        .ok_or("nobody is there")?;
    let own_token = stage.store.launch.token(&user.to_string(), "").await?;
    let seconds = stage.store.scaled(300, 45).to_string();
    // What it keeps between runs would make one run differ from the next.
    let scratch = tempfile::tempdir()?;
    // Of a document that it reads from the service it leaves out the operation that serves it.
    let document = reqwest::get(format!("{}/openapi.json", stage.roster.base)).await?;
    std::fs::write(scratch.path().join(DOCUMENT), document.bytes().await?)?;
    let output = Command::new(tools.join("schemathesis"))
        .args([
            "--config-file",
            &format!("{FOLDER}/schemathesis.toml"),
            "run",
            DOCUMENT,
            "--url",
            &stage.roster.base,
        ])
        .args(["--checks", "all", "--continue-on-failure", "--no-color"])
        .args(["--seed", "1", "--max-time", &seconds])
        // Longer than the deadline of a request.
        .args(["--request-timeout", "20"])
        .env("ROSTER_TOKEN", &stage.roster.token)
        .env("ROSTER_SELF_TOKEN", own_token)
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", FOLDER)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(scratch.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let last = |words: &str| {
        let mut lines = printed.lines().map(str::trim);
        let found = lines.rfind(|line| line.contains(words));
        found.unwrap_or_default().trim_end_matches(',').to_owned()
    };
    if !output.status.success() {
        say(&printed);
    }
    let seen = format!(
        "operations: {}; {}; {seconds} s",
        last("Tested:").trim_start_matches("Tested: "),
        last("generated")
    );
    report.check(CHECK, output.status.success(), seen);
    Ok(())
}

/// Where the programs are, every package at the version that is written down. They stay beside
/// what the build made, and are installed anew when a version changes.
async fn installed() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).ok_or("no target folder")?;
    let folder = target.join("schemathesis");
    let (tools, stamp) = (folder.join("bin"), folder.join("requirements.txt"));
    let is_there = std::fs::read_to_string(&stamp).is_ok_and(|text| text == REQUIREMENTS);
    // They name the folder that they were installed in, which may have been moved since.
    if is_there
        && run_program(&tools.join("schemathesis"), &["--version"])
            .await
            .is_ok()
    {
        return Ok(tools);
    }
    say("installing schemathesis");
    run_program(
        Path::new("python3"),
        &["-m", "venv", "--clear", &folder.to_string_lossy()],
    )
    .await
    .map_err(|error| {
        format!("python3 with its module venv (Debian: python3-venv) is needed: {error}")
    })?;
    let requirements = format!("{FOLDER}/requirements.txt");
    let install = [
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ];
    run_program(
        &tools.join("pip"),
        &[install.as_slice(), &[&requirements]].concat(),
    )
    .await
    .map_err(|error| format!("schemathesis cannot be installed from PyPI: {error}"))?;
    std::fs::write(stamp, REQUIREMENTS)?;
    Ok(tools)
}

async fn run_program(program: &Path, args: &[&str]) -> Result<Output> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .await?;
    if output.status.success() {
        return Ok(output);
    }
    Err(String::from_utf8_lossy(&output.stderr)
        .trim()
        .to_owned()
        .into())
}
