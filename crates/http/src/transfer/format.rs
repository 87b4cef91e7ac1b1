use std::path::Path;

/// How users are written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line
    Ndjson,
    /// RFC 4180 with a header row
    Csv,
}

impl Format {
    /// The members of a row, in the order that both formats write them in.
    pub(super) const MEMBERS: [&'static str; 8] = [
        "id",
        "email",
        "name",
        "is_active",
        "locale",
        "avatar_url",
        "metadata",
        "created_at",
    ];

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// The format that a file's name says; `None` when it says none.
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" | "json" => Some(Self::Ndjson),
            _ => None,
        }
    }
}
