use std::fmt;

use super::Source;
use super::definitions::Definition;

/// Settings that cannot be used: everything that is wrong with them.
#[derive(Debug)]
pub struct SettingsError {
    /// At least one.
    pub problems: Vec<SettingProblem>,
}

impl std::error::Error for SettingsError {}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// One thing that is wrong, in a sentence that names the setting, who set it, and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingProblem(String);

impl fmt::Display for SettingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SettingProblem {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// A value that the setting does not take. One that may carry a password is not repeated.
    pub(super) fn refused(definition: &Definition, source: &Source, text: &str) -> Self {
        let value = if definition.kind.is_secret() && !text.is_empty() {
            "cannot be used as it is".to_owned()
        } else {
            format!("is {text:?}")
        };
        Self(format!("{source} {value}: expected {}", definition.kind))
    }

    pub(super) fn not_text(source: &Source) -> Self {
        Self(format!("{source} is not UTF-8 text"))
    }

    pub(super) fn unknown(name: &str, nearest: Option<&str>) -> Self {
        Self(match nearest {
            Some(nearest) => format!("{name} is not a setting: did you mean {nearest}?"),
            None => format!("{name} is not a setting: `roster config` lists all there are"),
        })
    }
}
