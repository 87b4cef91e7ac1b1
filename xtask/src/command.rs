use std::env;
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::workspace;

/// `cargo` with these arguments, at the root of the workspace.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace::root());
    command
}

/// Runs `command` with our terminal; a failure names it as one would type it.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command
        .status()
        .map_err(|error| Failure::new(format!("{}: {error}", typed(command))))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{}` ended with {status}",
        typed(command)
    )))
}

/// Runs `command` and returns what it prints.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let output = command
        .output()
        .map_err(|error| Failure::new(format!("{}: {error}", typed(command))))?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!(
        "`{}` ended with {}\n{}",
        typed(command),
        output.status,
        errors.trim_end()
    )))
}

/// Whether `program` can be run here.
pub(crate) fn is_there(program: &str, probe: &[&str]) -> bool {
    Command::new(program)
        .args(probe)
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Whether `program` can be started here, whatever it ends with.
pub(crate) fn can_start(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

fn typed(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
