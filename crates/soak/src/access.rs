use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::Result;

/// A key that anybody may know: what it opens is gone when the run is over.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEILR7ZqgHyGp4RVCVvNEvYeoRUwpQS7QuqWM5Ntrg3iby\n-----END PRIVATE KEY-----\n";

/// A token of that key with every scope, until 2100. It is the same in every run, so that a
/// client needs nothing but an address.
pub const TOKEN: &str = concat!(
    "eyJhbGciOiJFZERTQSIsImtpZCI6Ikg1UThKaDNKdkRzcW8yQzBZbER0S0hKMUhLSzZmNXBHaVNiMEVCZE02Qk0iLCJ0eXAiOiJKV1QifQ",
    ".eyJpc3MiOiJyb3N0ZXIiLCJhdWQiOiJyb3N0ZXIiLCJzdWIiOiJzb2FrIiwic2NvcGUiOiJ1c2VyczpyZWFkIHVzZXJzOndyaXRlIHVzZXJzOmFkbWluIGZlZWRzOndyaXRlIG9wcyIsImV4cCI6NDEwMjQ0NDgwMH0",
    ".MmPwqtW4l3IfYnR9M-Uh0BZB3hACBlVFlEFSMOc3wsUudgwl32kTXB5a6Etr3vo5ppJkgyzH6b7DeEvTzaKQDg",
);

/// Puts the key where processes find it.
pub(crate) fn key_file(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("token-key.pem");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path) {
        Ok(mut file) => file.write_all(KEY.as_bytes())?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    Ok(path)
}
