//! What an operator can choose: flags over variables over the file over defaults.
//!
//! Every setting stands once, in `settings/definitions.rs`: its names, its default, what it
//! takes and what it is for. Flags, variables, the keys of the file, `roster config` and all
//! messages are made from that table.

mod definitions;
mod kind;

mod file;
mod resolver;
mod secret_url;
mod sources;

mod access;
mod typed;

mod effective;
mod error;

use std::collections::BTreeMap;
use std::ffi::OsString;

pub use access::{AccessSettings, IssuerSettings, JwksLocation};
pub use effective::EffectiveSettings;
pub(crate) use kind::duration;

pub use error::{SettingProblem, SettingsError};
pub use secret_url::SecretUrl;
pub use sources::{SettingFlags, Source};
pub use typed::{
    DatabaseSettings, DistributedSettings, EmbeddedSettings, HttpSettings, LogFormat, LogSettings,
    QuotaSettings, Rate, RedisSettings, Settings, StoreSettings,
};

impl Settings {
    /// Reads the settings of this process.
    pub fn load(flags: &SettingFlags) -> Result<Self, SettingsError> {
        Self::resolve(flags, &std::env::vars_os().collect())
    }

    /// Reads the settings from flags, these variables and the file that either of them names.
    ///
    /// Answers every problem there is, not the first alone.
    pub fn resolve(
        flags: &SettingFlags,
        variables: &BTreeMap<OsString, OsString>,
    ) -> Result<Self, SettingsError> {
        let mut problems = Vec::new();
        let given = sources::gather(flags, variables, &mut problems);
        let mut resolver = resolver::Resolver::new(given, problems);
        let settings = typed::build(&mut resolver);
        let problems = resolver.into_problems();
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError { problems })
        }
    }
}
