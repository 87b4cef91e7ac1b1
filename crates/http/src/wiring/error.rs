use std::path::PathBuf;

use roster_domain::ports::BoxError;

/// Why the service, or a command, cannot work with what the settings name.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process has the data folder.
    #[error(
        "the data folder {} is in use by {by}. Stop it first, or choose another folder with --data-dir or ROSTER_DATA_DIR",
        .path.display()
    )]
    FolderHeld {
        /// Which folder.
        path: PathBuf,
        /// What its holder says of itself.
        by: String,
    },
    /// The data folder or the file in it cannot be used.
    #[error("users cannot be kept in the data folder that --data-dir or ROSTER_DATA_DIR names")]
    File(#[source] BoxError),
    /// The driver refuses the address of the database.
    #[error("PostgreSQL cannot be reached with the address in ROSTER_DATABASE_URL")]
    DatabaseSettings(#[source] BoxError),
    /// The database did not answer in time.
    #[error(
        "PostgreSQL at {url} does not answer. Is it running, and are the name, the password and the database in \
         ROSTER_DATABASE_URL right?"
    )]
    DatabaseAway {
        /// Where, without the password.
        url: String,
        /// What it said last.
        source: BoxError,
    },
    /// The schema lacks what this release needs.
    #[error("the schema of {url} lacks versions {pending} of this release: run `roster migrate`")]
    SchemaBehind {
        /// Which database, without the password.
        url: String,
        /// The versions, joined by commas.
        pending: String,
    },
    /// The schema is of something else.
    #[error(
        "the schema of {url} was made by another program: its versions {changed} are not this release's"
    )]
    SchemaForeign {
        /// Which database, without the password.
        url: String,
        /// The versions, joined by commas.
        changed: String,
    },
    /// The driver refuses the settings of the shared cache.
    #[error("Redis cannot be used with these settings; see ROSTER_REDIS_URL")]
    Redis(#[source] BoxError),
    /// The service's own key cannot be used.
    #[error(
        "no tokens can be made or checked with the key that --auth-local-key or ROSTER_AUTH_LOCAL_KEY names, or else the data folder has"
    )]
    LocalKey(#[source] crate::authentication::LocalKeyError),
    /// An issuer's keys cannot be read.
    #[error("the tokens of the issuer {issuer} cannot be checked with {place}")]
    IssuerKeys {
        /// Its name.
        issuer: String,
        /// Where its keys are.
        place: String,
        /// Why not.
        source: crate::authentication::KeyError,
    },
    /// Certificates that an issuer's address is checked with cannot be used.
    #[error("the issuer {issuer} cannot be asked for its keys")]
    Certificates {
        /// Its name.
        issuer: String,
        /// Why not.
        source: crate::authentication::CertificatesError,
    },
    /// The schema could not be changed.
    #[error("the schema could not be changed")]
    Migration(#[source] BoxError),
    /// An address is taken, or not this machine's.
    #[error("{name} cannot listen on {address}; choose another address with {flag} or {variable}")]
    Listen {
        /// What listens there.
        name: &'static str,
        /// Where.
        address: std::net::SocketAddr,
        /// The flag.
        flag: &'static str,
        /// The variable.
        variable: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}
