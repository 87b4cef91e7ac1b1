use std::io;

/// Any error that a caller's callback may end with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a private server, or a database on it, could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// No executable of that name in any of the usual places.
    #[error("{program} is not installed: not on PATH, nor in {looked_in}")]
    NotInstalled {
        /// The executable's name.
        program: &'static str,
        /// Where else it was looked for.
        looked_in: &'static str,
    },
    /// The server's files are there, an optional part of them is not.
    #[error("the installed PostgreSQL lacks {name}; it comes with the package postgresql-contrib")]
    MissingExtension {
        /// The extension's name.
        name: &'static str,
    },
    /// The program ran and ended, or did not get ready in time.
    #[error("{program} did not start; its last words: {output}")]
    DidNotStart {
        /// The executable's name.
        program: &'static str,
        /// The end of what it printed.
        output: String,
    },
    /// An operation on a file or a process failed.
    #[error("could not {doing}")]
    Io {
        /// What was tried, as it follows "could not".
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The given server URL cannot be read.
    #[error("the PostgreSQL server URL is not a URL")]
    BadUrl {
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// The server refused a statement, or could not be reached.
    #[error("could not {doing} on the PostgreSQL test server")]
    Database {
        /// What was tried, as it follows "could not".
        doing: &'static str,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The caller's migrations failed on the template database.
    #[error("the migrations of the template database failed")]
    Migration {
        /// What the callback returned.
        source: BoxError,
    },
}

impl ServiceError {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }

    pub(crate) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// The message with its causes, for the places that print.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
