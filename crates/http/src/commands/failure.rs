use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use crate::settings::SettingsError;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// What could not be done, and why.
    pub fn new(
        message: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            message: message.into(),
            source: Some(source.into()),
        }
    }

    /// What could not be done, where nothing lower says more.
    pub fn message(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    /// Tells it on the standard error stream: one line a level.
    pub(super) fn report(&self) -> ExitCode {
        let mut lines = format!("roster: {}\n", self.message);
        let mut next: Option<&(dyn Error + 'static)> =
            self.source.as_ref().map(|source| &**source as _);
        while let Some(error) = next {
            // Writing to a string does not fail.
            let _ = writeln!(lines, "  because {error}");
            next = error.source();
        }
        tell(&lines);
        ExitCode::FAILURE
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        // The error is the message; what it is caused by are the levels below.
        Self {
            message: error.to_string(),
            source: below(error),
        }
    }
}

/// The chain below an error, as an owned error.
fn below(error: impl Error + Send + Sync + 'static) -> Option<Box<dyn Error + Send + Sync>> {
    error
        .source()
        .is_some()
        .then(|| Box::new(Below(Box::new(error))) as Box<dyn Error + Send + Sync>)
}

/// An error that speaks for the source of the one it holds.
#[derive(Debug)]
struct Below(Box<dyn Error + Send + Sync>);

impl std::fmt::Display for Below {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .source()
            .map_or(Ok(()), |source| write!(f, "{source}"))
    }
}

impl Error for Below {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source().and_then(Error::source)
    }
}

/// Settings that cannot be used are the caller's mistake: 2, as for a wrong flag.
pub(super) fn unusable(error: &SettingsError) -> ExitCode {
    let mut lines = String::new();
    for problem in &error.problems {
        let _ = writeln!(lines, "roster: {problem}");
    }
    tell(&lines);
    ExitCode::from(2)
}

/// A closed stream has nobody to be told about it.
fn tell(lines: &str) {
    let _ = std::io::stderr().lock().write_all(lines.as_bytes());
}
