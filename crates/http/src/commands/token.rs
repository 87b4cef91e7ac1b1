use std::path::Path;
use std::time::Duration;

use roster_app::{Scope, Scopes};

use super::{Failure, output};
use crate::authentication::{Grant, LocalKey};
use crate::settings::{Settings, duration};
use crate::{system, wiring};

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whom it speaks of: a user's id, or the name of a service
    #[arg(long = "sub", value_name = "SUBJECT")]
    subject: String,
    /// What it opens: users:read, users:write, users:admin, feeds:write or ops; several times, or
    /// several with a space between them. A user needs none for itself
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// How long it holds
    #[arg(long, default_value = "1h", value_parser = ttl)]
    ttl: Duration,
}

/// A longer one would better be a key.
fn ttl(text: &str) -> Result<Duration, String> {
    const YEAR: u64 = 366 * 24 * 3_600 * 1_000;
    duration(text, 1_000, YEAR)
        .ok_or_else(|| "such as 15m, 1h or 30d, a year at the most".to_owned())
}

/// Prints a token that is signed with the service's own key.
pub(super) fn run(args: &Args, settings: &Settings) -> Result<(), Failure> {
    let words = args.scopes.iter().flat_map(|words| words.split([' ', ',']));
    let words = words.filter(|word| !word.is_empty());
    let scopes: Result<Scopes, _> = words
        .map(|word| {
            word.parse::<Scope>()
                .map_err(|error| Failure::new(format!("{word:?} cannot be granted"), error))
        })
        .collect();
    if args.subject.is_empty() {
        return Err(Failure::message("--sub names nobody"));
    }
    let Some(path) = &settings.access.local_key else {
        return Err(Failure::message(
            "the service takes no tokens of its own, because auth.issuers says whose it takes; \
             ask the issuer, or name a file with --auth-local-key or ROSTER_AUTH_LOCAL_KEY",
        ));
    };
    let token = sign(
        path,
        &Grant {
            subject: args.subject.clone(),
            scopes: scopes?,
            ttl: args.ttl,
        },
    )?;
    output::write(format!("{token}\n").as_bytes())
}

/// A token of the key in this file, which is made when it is not there.
fn sign(path: &Path, grant: &Grant) -> Result<String, Failure> {
    let runtime = system::runtime();
    let key = LocalKey::load_or_make(path, wiring::secret(&*runtime.ids))?;
    Ok(key.sign(grant, runtime.clock.now())?)
}

/// A token for a command or an example, if there is a key to sign it with.
pub(super) fn of_own_key(settings: &Settings, scope: Scope, ttl: Duration) -> Option<String> {
    let key = LocalKey::load(settings.access.local_key.as_deref()?).ok()?;
    let grant = Grant {
        subject: "roster".to_owned(),
        scopes: Scopes::from_iter([scope]),
        ttl,
    };
    key.sign(&grant, system::runtime().clock.now()).ok()
}
