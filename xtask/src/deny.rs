//! Licences, banned packages and sources of everything we build from.

use std::fs;
use std::process::Command;

use cargo_metadata::MetadataCommand;
use cargo_metadata::semver::VersionReq;

use crate::command::{cargo, is_there, output, run as run_command};
use crate::failure::{Failure, Outcome};
use crate::workspace;

/// By cargo-deny where it is installed. It is more than two hundred packages to build, so without it, as in CI, the
/// same settings are read from `deny.toml` and checked here.
pub(crate) fn run() -> Outcome {
    if is_there("cargo-deny", &["--version"]) {
        return run_command(&mut cargo([
            "deny",
            "--workspace",
            "check",
            "licenses",
            "bans",
            "sources",
        ]));
    }
    let settings = Settings::read(&fs::read_to_string(workspace::root().join("deny.toml"))?)?;
    let metadata = MetadataCommand::new()
        .manifest_path(workspace::root().join("Cargo.toml"))
        .other_options(vec![
            "--locked".to_owned(),
            "--all-features".to_owned(),
            format!("--filter-platform={}", host()?),
        ])
        .exec()?;
    let mut violations = Vec::new();
    for package in &metadata.packages {
        let source = package.source.as_ref().map(|source| source.repr.as_str());
        violations.extend(settings.violations(&package.name, source, package.license.as_deref()));
        let any = package
            .dependencies
            .iter()
            .filter(|needed| is_any(&needed.req, needed.path.is_some()));
        violations
            .extend(any.map(|any| format!("{} takes any version of {}", package.name, any.name)));
    }
    println!(
        "deny: cargo-deny is not installed; checked {} packages by deny.toml without it",
        metadata.packages.len()
    );
    Failure::of_rules("deny", &violations)
}

/// Whether a dependency is content with whatever is there; one of our own is by its path.
fn is_any(version: &VersionReq, is_own: bool) -> bool {
    version.comparators.is_empty() && !is_own
}

/// Only what is built here: the rest would have to be fetched for its licence alone.
fn host() -> Outcome<String> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Failure::new("rustc -vV names no host"))
}

/// Every key of `deny.toml` that is followed here. What is not among them would be checked by
/// cargo-deny and passed over without it, so it is refused.
const KEYS: [(&str, &[&str]); 4] = [
    ("graph", &["all-features"]),
    ("licenses", &["confidence-threshold", "allow", "exceptions"]),
    (
        "bans",
        &[
            "multiple-versions",
            "wildcards",
            "allow-wildcard-paths",
            "deny",
        ],
    ),
    (
        "sources",
        &[
            "unknown-registry",
            "unknown-git",
            "allow-registry",
            "allow-git",
        ],
    ),
];

/// The values that they have to have where there is a choice.
const CHOICES: [(&str, &str, &str); 5] = [
    ("graph", "all-features", "true"),
    ("bans", "multiple-versions", "\"allow\""),
    ("bans", "wildcards", "\"deny\""),
    ("sources", "unknown-registry", "\"deny\""),
    ("sources", "unknown-git", "\"deny\""),
];

/// Refuses settings that say more than is followed here.
fn understood(table: &toml::Table) -> Outcome {
    let known = |section: &str| KEYS.iter().find(|(name, _)| *name == section);
    for (section, keys) in table {
        let known = known(section).map_or(&[] as &[&str], |(_, keys)| keys);
        let mut keys = keys.as_table().into_iter().flat_map(toml::Table::keys);
        if let Some(key) = keys.find(|key| !known.contains(&key.as_str())) {
            return Err(not_followed(section, key));
        }
    }
    let value = |section: &str, key: &str| table.get(section)?.get(key);
    for (section, key, expected) in CHOICES {
        if value(section, key).is_none_or(|value| value.to_string() != expected) {
            return Err(not_followed(section, key));
        }
    }
    let banned = value("bans", "deny").and_then(toml::Value::as_array);
    for ban in banned.into_iter().flatten() {
        let is_plain = ban.as_table().is_some_and(|ban| {
            let name = ban.get("crate").and_then(toml::Value::as_str);
            name.is_some_and(|name| !name.contains(['@', ':']))
                && ban
                    .keys()
                    .all(|key| ["crate", "reason"].contains(&key.as_str()))
        });
        if !is_plain {
            return Err(not_followed("bans", "deny"));
        }
    }
    let git = value("sources", "allow-git").and_then(toml::Value::as_array);
    if git.is_some_and(|git| !git.is_empty()) {
        return Err(not_followed("sources", "allow-git"));
    }
    Ok(())
}

fn not_followed(section: &str, key: &str) -> Failure {
    Failure::new(format!(
        "{section}.{key} of deny.toml says what only cargo-deny checks; install it, or teach xtask/src/deny.rs"
    ))
}

/// What we read of `deny.toml`.
struct Settings {
    licences: Vec<String>,
    /// Package and one more licence that is accepted for it.
    exceptions: Vec<(String, String)>,
    banned: Vec<String>,
    registries: Vec<String>,
}

impl Settings {
    fn read(text: &str) -> Outcome<Self> {
        let table: toml::Table = text.parse()?;
        understood(&table)?;
        let list = |section: &str, key: &str| -> Vec<toml::Value> {
            let value = table.get(section).and_then(|section| section.get(key));
            value
                .and_then(toml::Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let member = |value: &toml::Value, key: &str| {
            value
                .get(key)
                .and_then(toml::Value::as_str)
                .map(str::to_owned)
        };
        let words = |values: Vec<toml::Value>| -> Vec<String> {
            values
                .iter()
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect()
        };
        let mut exceptions = Vec::new();
        for exception in list("licenses", "exceptions") {
            let package = member(&exception, "crate").unwrap_or_default();
            let allowed = exception
                .get("allow")
                .and_then(toml::Value::as_array)
                .cloned()
                .unwrap_or_default();
            exceptions.extend(
                words(allowed)
                    .into_iter()
                    .map(|licence| (package.clone(), licence)),
            );
        }
        let settings = Self {
            licences: words(list("licenses", "allow")),
            exceptions,
            banned: list("bans", "deny")
                .iter()
                .filter_map(|value| member(value, "crate"))
                .collect(),
            registries: words(list("sources", "allow-registry")),
        };
        if settings.licences.is_empty()
            || settings.banned.is_empty()
            || settings.registries.is_empty()
        {
            return Err(Failure::new(
                "deny.toml lacks licenses.allow, bans.deny or sources.allow-registry",
            ));
        }
        Ok(settings)
    }

    /// What is wrong with a package; one of our own has no source.
    fn violations(&self, name: &str, source: Option<&str>, licence: Option<&str>) -> Vec<String> {
        let mut found = Vec::new();
        if self.banned.iter().any(|banned| banned == name) {
            found.push(format!("{name} is banned"));
        }
        let is_known = |source: &str| {
            let registry = source.strip_prefix("registry+");
            registry.is_some_and(|registry| self.registries.iter().any(|known| known == registry))
        };
        if source.is_some_and(|source| !is_known(source)) {
            found.push(format!("{name} comes from {}", source.unwrap_or_default()));
        }
        let licence = licence.unwrap_or("no licence");
        if !self.accepts(name, licence) {
            found.push(format!("{name} is under {licence}"));
        }
        found
    }

    /// `OR` offers a choice and binds weaker than `AND`; old manifests write `/` for `OR`.
    fn accepts(&self, package: &str, expression: &str) -> bool {
        let spaced = expression
            .replace('/', " OR ")
            .replace('(', " ( ")
            .replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let (accepted, rest) = self.any_of(package, &words);
        accepted && rest.is_empty()
    }

    fn any_of<'a>(&self, package: &str, words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
        let (mut accepted, mut rest) = self.all_of(package, words);
        while let ["OR", behind @ ..] = rest {
            let (other, left) = self.all_of(package, behind);
            (accepted, rest) = (accepted || other, left);
        }
        (accepted, rest)
    }

    fn all_of<'a>(&self, package: &str, words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
        let (mut accepted, mut rest) = self.one(package, words);
        while let ["AND", behind @ ..] = rest {
            let (other, left) = self.one(package, behind);
            (accepted, rest) = (accepted && other, left);
        }
        (accepted, rest)
    }

    fn one<'a>(&self, package: &str, words: &'a [&'a str]) -> (bool, &'a [&'a str]) {
        match words {
            ["(", inner @ ..] => match self.any_of(package, inner) {
                (accepted, [")", rest @ ..]) => (accepted, rest),
                (_, rest) => (false, rest),
            },
            [licence, "WITH", exception, rest @ ..] => (
                self.allows(package, &format!("{licence} WITH {exception}")),
                rest,
            ),
            [licence, rest @ ..] => (self.allows(package, licence), rest),
            [] => (false, words),
        }
    }

    fn allows(&self, package: &str, licence: &str) -> bool {
        self.licences.iter().any(|allowed| allowed == licence)
            || self
                .exceptions
                .iter()
                .any(|(name, allowed)| name == package && allowed == licence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::read(TEXT).unwrap()
    }

    const TEXT: &str = r#"
        [graph]
        all-features = true
        [licenses]
        allow = ["MIT", "Apache-2.0 WITH LLVM-exception"]
        exceptions = [{ crate = "fonts", allow = ["OFL-1.1"] }]
        [bans]
        multiple-versions = "allow"
        wildcards = "deny"
        deny = [{ crate = "openssl", reason = "one TLS" }]
        [sources]
        unknown-registry = "deny"
        unknown-git = "deny"
        allow-registry = ["https://github.com/rust-lang/crates.io-index"]
    "#;

    #[test]
    fn a_licence_is_accepted_by_choice_and_only_as_a_whole() {
        let settings = settings();
        for accepted in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(GPL-3.0 OR MIT) AND MIT",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(settings.accepts("any", accepted), "{accepted}");
        }
        for refused in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "Apache-2.0",
            "no licence",
            "(MIT",
            "",
        ] {
            assert!(!settings.accepts("any", refused), "{refused}");
        }
        assert!(settings.accepts("fonts", "OFL-1.1") && !settings.accepts("any", "OFL-1.1"));
    }

    #[test]
    fn a_banned_package_and_a_foreign_source_are_found() {
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        let violations = |name, source| settings().violations(name, Some(source), Some("MIT"));
        assert!(violations("serde", registry).is_empty());
        assert_eq!(violations("openssl", registry), ["openssl is banned"]);
        assert_eq!(
            violations("serde", "git+https://example.com/serde").len(),
            1
        );
        let disguised = format!("git+https://example.com/?{registry}");
        assert_eq!(violations("serde", &disguised).len(), 1);
        assert_eq!(
            settings().violations("serde", None, None),
            ["serde is under no licence"]
        );
    }

    #[test]
    fn a_dependency_on_any_version_is_found() {
        let is_any = |version: &str, is_own| is_any(&version.parse().unwrap(), is_own);
        assert!(is_any("*", false));
        assert!(!is_any("1", false) && !is_any(">=1", false) && !is_any("1.*", false));
        assert!(!is_any("*", true));
    }

    #[test]
    fn settings_without_a_rule_are_refused() {
        for rule in [
            "\"MIT\", \"Apache-2.0 WITH LLVM-exception\"",
            "{ crate = \"openssl\", reason = \"one TLS\" }",
        ] {
            assert!(Settings::read(&TEXT.replace(rule, "")).is_err(), "{rule}");
        }
    }

    #[test]
    fn settings_that_only_cargo_deny_follows_are_refused() {
        for (from, to) in [
            ("[sources]", "[advisories]\nyanked = \"deny\"\n[sources]"),
            ("[bans]", "clarify = []\n[bans]"),
            ("[bans]", "[bans]\nskip = []"),
            ("wildcards = \"deny\"", "wildcards = \"allow\""),
            ("unknown-git = \"deny\"", ""),
            ("\"openssl\"", "\"openssl@0.9\""),
            ("reason = \"one TLS\"", "wrappers = [\"curl\"]"),
            (
                "unknown-git",
                "allow-git = [\"https://example.com/serde\"]\nunknown-git",
            ),
        ] {
            let text = TEXT.replacen(from, to, 1);
            assert_ne!(text, TEXT);
            assert!(Settings::read(&text).is_err(), "{to}");
        }
    }
}
