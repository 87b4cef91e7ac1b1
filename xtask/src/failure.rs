use std::error::Error;
use std::fmt;

/// What one command ends with.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command did not do what was asked, as its reader in the terminal sees it: with all causes.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// One line for each violation of a rule, and how many there are.
    pub(crate) fn of_rules(rules: &str, violations: &[String]) -> Outcome {
        if violations.is_empty() {
            println!("{rules}: ok");
            return Ok(());
        }
        let count = violations.len();
        let plural = if count == 1 {
            "violation"
        } else {
            "violations"
        };
        Err(Self(format!(
            "{rules}: {count} {plural}\n  {}",
            violations.join("\n  ")
        )))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self(text)
    }
}
