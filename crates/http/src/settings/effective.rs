//! The settings as they are, for people.

use std::collections::HashMap;
use std::fmt;

use super::Source;
use super::definitions::{ALL, Definition};
use super::kind::Kind;

/// Every setting, its value and who set it. Written as TOML that the settings file takes,
/// passwords excepted.
#[derive(Clone, Debug, Default)]
pub struct EffectiveSettings(HashMap<&'static str, Effective>);

/// One setting.
#[derive(Clone, Debug)]
pub(super) struct Effective {
    pub(super) definition: &'static Definition,
    /// The value without secrets; `None` when there is none.
    pub(super) shown: Option<String>,
    pub(super) source: Source,
}

impl EffectiveSettings {
    pub(super) fn push(&mut self, effective: Effective) {
        self.0.insert(effective.definition.key, effective);
    }
}

impl fmt::Display for EffectiveSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDTH: usize = 48;
        for definition in ALL {
            let Some(Effective { shown, source, .. }) = self.0.get(definition.key) else {
                continue;
            };
            let line = match (shown, definition.kind) {
                (Some(number), Kind::Count { .. }) => format!("{} = {number}", definition.key),
                (Some(text), _) => {
                    format!("{} = {}", definition.key, toml::Value::from(text.as_str()))
                }
                (None, _) => format!("# {} is not set", definition.key),
            };
            let source = match source {
                Source::Default if shown.is_none() => definition.variables.join(", "),
                Source::Default => "default".to_owned(),
                Source::File { path, line, .. } => format!("{}:{line}", path.display()),
                source => source.to_string(),
            };
            writeln!(f, "{line:WIDTH$} # {source}")?;
        }
        Ok(())
    }
}

/// The known name that was most likely meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = 1 + name.len() / 6;
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min()
        .map(|(_, name)| name)
}

/// How many letters differ (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, octet) in left.bytes().enumerate() {
        let mut diagonal = line;
        row[0] = line + 1;
        for (column, other) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(octet != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_the_one_that_was_meant() {
        let known = || ["ROSTER_LISTEN", "ROSTER_METRICS_LISTEN", "ROSTER_REDIS_URL"].into_iter();
        assert_eq!(nearest("ROSTER_LISTN", known()), Some("ROSTER_LISTEN"));
        assert_eq!(
            nearest("ROSTER_REDIS_URI", known()),
            Some("ROSTER_REDIS_URL")
        );
        assert_eq!(nearest("ROSTER_FROBNICATE", known()), None);
    }
}
