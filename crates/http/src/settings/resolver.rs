//! From what was given to what it means.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::access;
use super::definitions::Definition;
use super::effective::{Effective, EffectiveSettings};
use super::kind::{self, Kind, NONE, OFF};
use super::sources::{AllGiven, Given};
use super::{LogFormat, Rate, SecretUrl, SettingProblem, Source};

/// What was said of a file.
pub(super) enum GivenFile {
    /// Nothing.
    Unsaid,
    /// That it is not to be.
    None,
    /// Where it is.
    At(PathBuf),
}

/// Reads one setting after the other, and goes on behind what is wrong.
pub(super) struct Resolver {
    given: AllGiven,
    problems: Vec<SettingProblem>,
    effective: EffectiveSettings,
}

impl Resolver {
    pub(super) fn new(given: AllGiven, problems: Vec<SettingProblem>) -> Self {
        Self {
            given,
            problems,
            effective: EffectiveSettings::default(),
        }
    }

    pub(super) fn into_problems(self) -> Vec<SettingProblem> {
        self.problems
    }

    pub(super) fn take_effective(&mut self) -> EffectiveSettings {
        std::mem::take(&mut self.effective)
    }

    /// Adds what is wrong with settings that do not fit together.
    pub(super) fn refuse(&mut self, text: String) {
        self.problems.push(SettingProblem::new(text));
    }

    /// Who set it, for a message about it.
    pub(super) fn source(&self, definition: &Definition) -> Source {
        self.given
            .get(definition.key)
            .map_or(Source::Default, |given| given.source.clone())
    }

    /// Whether somebody set it to something that cannot be used.
    pub(super) fn is_given_wrongly(&self, definition: &Definition) -> bool {
        self.given
            .get(definition.key)
            .is_some_and(|given| given.text != NONE)
    }

    pub(super) fn address(&mut self, definition: &'static Definition) -> SocketAddr {
        self.required(definition, kind::address)
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    pub(super) fn address_or_off(&mut self, definition: &'static Definition) -> Option<SocketAddr> {
        self.required(definition, |text| {
            if text == OFF {
                Some(None)
            } else {
                kind::address(text).map(Some)
            }
        })
        .flatten()
    }

    pub(super) fn text(&mut self, definition: &'static Definition) -> String {
        let read = |text: &str| match definition.kind {
            Kind::KeyPrefix => kind::key_prefix(text),
            Kind::LogFilter => kind::log_filter(text),
            _ => (!text.is_empty()).then(|| text.to_owned()),
        };
        self.required(definition, read).unwrap_or_default()
    }

    pub(super) fn log_format(&mut self, definition: &'static Definition) -> LogFormat {
        let read = |text: &str| match text {
            "auto" => Some(LogFormat::Auto),
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        };
        self.required(definition, read).unwrap_or_default()
    }

    pub(super) fn flag(&mut self, definition: &'static Definition) -> bool {
        self.required(definition, |text| text.parse().ok())
            .unwrap_or_default()
    }

    pub(super) fn count(&mut self, definition: &'static Definition) -> u32 {
        let Kind::Count { min, max } = definition.kind else {
            return 0;
        };
        self.required(definition, |text| kind::count(text, min, max))
            .unwrap_or(min)
    }

    /// One of some words, or nothing when it is none of them.
    pub(super) fn choice<T: Copy>(
        &mut self,
        definition: &'static Definition,
        words: &[(&str, T)],
    ) -> Option<T> {
        let read = |text: &str| {
            let known = words.iter().find(|(word, _)| *word == text);
            known.map(|(_, value)| *value)
        };
        self.required(definition, read)
    }

    /// A file that may be said not to be there.
    pub(super) fn file(&mut self, definition: &'static Definition) -> GivenFile {
        let read = |text: &str| match text {
            "" => None,
            NONE => Some(GivenFile::None),
            path => Some(GivenFile::At(PathBuf::from(path))),
        };
        self.optional(definition, read).unwrap_or(GivenFile::Unsaid)
    }

    /// A list of names; empty when nobody says.
    pub(super) fn host_names(&mut self, definition: &'static Definition) -> Vec<String> {
        self.optional(definition, access::host_names)
            .unwrap_or_default()
    }

    /// The text as it is and who wrote it, or nothing when nobody did.
    pub(super) fn optional_text(
        &mut self,
        definition: &'static Definition,
    ) -> Option<(String, Source)> {
        let source = self.source(definition);
        let text = self.optional(definition, |text| Some(text.to_owned()))?;
        Some((text, source))
    }

    fn optional<T>(
        &mut self,
        definition: &'static Definition,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if self.given.contains_key(definition.key) {
            return self.required(definition, read);
        }
        self.not_set(definition);
        None
    }

    /// A number, or none when nobody says.
    pub(super) fn optional_count(&mut self, definition: &'static Definition) -> Option<u32> {
        if self.given.contains_key(definition.key) {
            return Some(self.count(definition));
        }
        self.not_set(definition);
        None
    }

    pub(super) fn duration(&mut self, definition: &'static Definition) -> Duration {
        let Kind::Duration { min, max } = definition.kind else {
            return Duration::ZERO;
        };
        self.required(definition, |text| kind::duration(text, min, max))
            .unwrap_or_default()
    }

    pub(super) fn octets(&mut self, definition: &'static Definition) -> u64 {
        let Kind::Octets { min, max } = definition.kind else {
            return 0;
        };
        self.required(definition, |text| kind::octets(text, min, max))
            .unwrap_or(min)
    }

    /// A rate, or none.
    pub(super) fn rate(&mut self, definition: &'static Definition) -> Option<Rate> {
        let read = |text: &str| {
            if text == NONE {
                Some(None)
            } else {
                kind::rate(text).map(Some)
            }
        };
        self.required(definition, read).flatten()
    }

    /// An address of one of these schemes, or none.
    pub(super) fn url(
        &mut self,
        definition: &'static Definition,
        schemes: &[&str],
    ) -> Option<SecretUrl> {
        let Some(given) = self.given.get(definition.key) else {
            self.not_set(definition);
            return None;
        };
        let url = if given.text == NONE {
            Some(None)
        } else {
            kind::url(&given.text, schemes).map(Some)
        };
        let shown = url.as_ref().map(|url| {
            url.as_ref()
                .map_or_else(|| NONE.to_owned(), ToString::to_string)
        });
        self.effective.push(Effective {
            definition,
            shown,
            source: given.source.clone(),
        });
        if url.is_none() {
            self.problems.push(refused_url(definition, given));
        }
        url.flatten()
    }

    fn not_set(&mut self, definition: &'static Definition) {
        self.effective.push(Effective {
            definition,
            shown: None,
            source: Source::Default,
        });
    }

    /// The value, or `None` when it is wrong.
    fn required<T>(
        &mut self,
        definition: &'static Definition,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let default = || Given {
            text: definition.default.unwrap_or_default().to_owned(),
            source: Source::Default,
        };
        let given = self
            .given
            .get(definition.key)
            .cloned()
            .unwrap_or_else(default);
        let value = read(&given.text);
        if value.is_none() {
            self.problems.push(SettingProblem::refused(
                definition,
                &given.source,
                &given.text,
            ));
        }
        self.effective.push(Effective {
            definition,
            shown: Some(given.text),
            source: given.source,
        });
        value
    }
}

/// Many shells have a `DATABASE_URL` of another program: the message says what to do about it.
fn refused_url(definition: &'static Definition, given: &Given) -> SettingProblem {
    let scheme = given
        .text
        .split_once("://")
        .map(|(scheme, _)| scheme)
        .filter(|scheme| {
            !scheme.is_empty()
                && scheme
                    .bytes()
                    .all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet))
        });
    let own = definition.variables.first().copied().unwrap_or_default();
    match (&given.source, scheme) {
        (Source::Variable(name), Some(scheme)) if !name.starts_with("ROSTER_") => {
            SettingProblem::new(format!(
                "{name} is an address of {scheme}://, which Roster does not use: expected {}. \
             If {name} is meant for another program, set {own}, which comes first and may be `none`",
                definition.kind
            ))
        }
        (source, Some(scheme)) => SettingProblem::new(format!(
            "{source} is an address of {scheme}:// that cannot be used: expected {}",
            definition.kind
        )),
        (source, None) => SettingProblem::refused(definition, source, &given.text),
    }
}
