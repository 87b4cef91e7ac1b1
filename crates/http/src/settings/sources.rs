//! Where values come from.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, Error as UsageError, FromArgMatches};

use super::definitions::{ALL, Definition};
use super::file;
use super::{SettingProblem, effective};

/// The variable that names the file.
pub(super) const CONFIG_VARIABLE: &str = "ROSTER_CONFIG";
const CONFIG_FLAG: &str = "config";
/// What commands send to a running service; not a setting, because it stands in no file.
const TOKEN_VARIABLE: &str = "ROSTER_TOKEN";
/// Variables of the project's own tools, which mean nothing to the service.
const TOOL_PREFIXES: [&str; 3] = ["ROSTER_TEST_", "ROSTER_POSTGRES_", "ROSTER_SQLITE_"];

/// Who said what a setting is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag, without its dashes.
    Flag(&'static str),
    /// A variable.
    Variable(&'static str),
    /// The file.
    File {
        /// Its path as it was given.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// Nobody.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line, key } => write!(f, "{key} ({}:{line})", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value before it is read.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) source: Source,
}

/// What was given, by the key of the setting.
pub(super) type AllGiven = HashMap<&'static str, Given>;

/// The settings that were given as flags.
#[derive(Clone, Debug, Default)]
pub struct SettingFlags {
    config: Option<PathBuf>,
    values: BTreeMap<&'static str, String>,
}

impl SettingFlags {
    /// These values, by flag; for tests and for programs that embed the service.
    pub fn new<'a>(flags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut given = Self::default();
        for (flag, value) in flags {
            if flag == CONFIG_FLAG {
                given.config = Some(PathBuf::from(value));
            } else if let Some(definition) = ALL.iter().find(|definition| definition.flag == flag) {
                given.values.insert(definition.key, value.to_owned());
            }
        }
        given
    }
}

impl clap::Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG_FLAG)
            .long(CONFIG_FLAG)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help(format!("A TOML file with settings [{CONFIG_VARIABLE}]"));
        let settings = ALL.iter().map(|definition| {
            let default = definition
                .default
                .map(|value| format!(", default {value}"))
                .unwrap_or_default();
            // Few are needed often: `-h` shows those, `--help` all.
            let seldom = definition.key.contains('.') && !definition.kind.is_secret();
            Arg::new(definition.key)
                .long(definition.flag)
                .value_name("VALUE")
                .allow_hyphen_values(true)
                .hide_short_help(seldom)
                .help(format!(
                    "{} [{}{default}]",
                    definition.help,
                    definition.variables.join(", ")
                ))
        });
        command.args(
            std::iter::once(config)
                .chain(settings)
                .map(|arg| arg.global(true).help_heading("Settings")),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, UsageError> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), UsageError> {
        if let Some(path) = matches.get_one::<PathBuf>(CONFIG_FLAG) {
            self.config = Some(path.clone());
        }
        for definition in ALL {
            if let Some(value) = matches.get_one::<String>(definition.key) {
                self.values.insert(definition.key, value.clone());
            }
        }
        Ok(())
    }
}

/// Everything that was given, each setting from the source that wins.
pub(super) fn gather(
    flags: &SettingFlags,
    variables: &BTreeMap<OsString, OsString>,
    problems: &mut Vec<SettingProblem>,
) -> AllGiven {
    let mut given = AllGiven::new();
    let named_by_variable = || {
        variables
            .get(OsStr::new(CONFIG_VARIABLE))
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    };
    if let Some(path) = flags.config.clone().or_else(named_by_variable) {
        file::read(&path, &mut given, problems);
    }
    refuse_unknown(variables, problems);
    for definition in ALL {
        if let Some(value) = from_variables(definition, variables, problems) {
            given.insert(definition.key, value);
        }
        if let Some(text) = flags.values.get(definition.key) {
            given.insert(
                definition.key,
                Given {
                    text: text.clone(),
                    source: Source::Flag(definition.flag),
                },
            );
        }
    }
    given
}

fn from_variables(
    definition: &Definition,
    variables: &BTreeMap<OsString, OsString>,
    problems: &mut Vec<SettingProblem>,
) -> Option<Given> {
    definition.variables.iter().find_map(|name| {
        let value = variables.get(OsStr::new(name))?;
        // An empty variable that other programs share says nothing to this one.
        if value.is_empty() && !name.starts_with("ROSTER_") {
            return None;
        }
        let source = Source::Variable(name);
        let text = value.to_str().map(str::to_owned);
        if text.is_none() {
            problems.push(SettingProblem::not_text(&source));
        }
        Some(Given {
            text: text?,
            source,
        })
    })
}

/// A misspelt variable would otherwise be a setting that is silently not set.
fn refuse_unknown(variables: &BTreeMap<OsString, OsString>, problems: &mut Vec<SettingProblem>) {
    let known = || {
        ALL.iter()
            .flat_map(|definition| definition.variables.iter().copied())
            .chain([CONFIG_VARIABLE, TOKEN_VARIABLE])
    };
    for name in variables.keys().filter_map(|name| name.to_str()) {
        let ours = name.starts_with("ROSTER_")
            && !TOOL_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if ours && !known().any(|variable| variable == name) {
            problems.push(SettingProblem::unknown(
                name,
                effective::nearest(name, known()),
            ));
        }
    }
}
