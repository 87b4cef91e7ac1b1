//! The TOML file.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::definitions::{ALL, Definition};
use super::kind::Kind;
use super::sources::{AllGiven, Given};
use super::{SettingProblem, Source, effective};

/// Takes every setting of the file; what is no setting is a problem that names its line.
pub(super) fn read(path: &Path, given: &mut AllGiven, problems: &mut Vec<SettingProblem>) {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            problems.push(SettingProblem::new(format!(
                "{}: the settings file cannot be read: {error}",
                path.display()
            )));
            return;
        }
    };
    match DeTable::parse(&text) {
        Ok(table) => Reader {
            path,
            text: &text,
            given,
            problems,
        }
        .table("", table.get_ref()),
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(&text, span.start));
            let message = error.message().trim_end();
            problems.push(SettingProblem::new(format!(
                "{}:{line}: not TOML: {message}",
                path.display()
            )));
        }
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    given: &'a mut AllGiven,
    problems: &'a mut Vec<SettingProblem>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = if prefix.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{prefix}.{}", name.get_ref())
            };
            let line = line_of(self.text, name.span().start);
            let of_table = || {
                ALL.iter()
                    .any(|definition| definition.key.starts_with(&format!("{key}.")))
            };
            match (
                ALL.iter().find(|definition| definition.key == key),
                value.get_ref(),
            ) {
                (Some(definition), value) => self.setting(definition, line, value),
                (None, DeValue::Table(inner)) if of_table() => self.table(&key, inner),
                (None, _) => {
                    let name = format!("{}:{line}: {key}", self.path.display());
                    let nearest =
                        effective::nearest(&key, ALL.iter().map(|definition| definition.key));
                    self.problems.push(SettingProblem::unknown(&name, nearest));
                }
            }
        }
    }

    fn setting(&mut self, definition: &Definition, line: usize, value: &DeValue<'_>) {
        let source = Source::File {
            path: self.path.to_owned(),
            line,
            key: definition.key,
        };
        let text = match value {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Array(_) if definition.kind == Kind::Issuers => json(value).to_string(),
            other => {
                let found = format!(
                    "{source} is a {}: expected {}",
                    other.type_str(),
                    definition.kind
                );
                self.problems.push(SettingProblem::new(found));
                return;
            }
        };
        self.given.insert(definition.key, Given { text, source });
    }
}

/// Tables as JSON, which is what they are from a variable.
fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::String(text) => (&**text).into(),
        DeValue::Boolean(truth) => (*truth).into(),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(members) => members
            .iter()
            .map(|(name, member)| (name.get_ref().to_string(), json(member.get_ref())))
            .collect(),
        // Numbers and dates are no part of it: whoever reads the JSON says so.
        _ => serde_json::Value::Null,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|octet| *octet == b'\n')
        .count()
}
