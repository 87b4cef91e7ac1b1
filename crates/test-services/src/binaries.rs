use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ServiceError;

const POSTGRES_PLACES: &str = "what pg_config says, /usr/lib/postgresql, /usr/pgsql-*, /usr/libexec/postgresql* and Homebrew's folders";
const REDIS_PLACES: &str = "/usr/local/bin, /usr/sbin and Homebrew's folders";

/// The folder with `initdb` and `postgres`.
pub fn find_postgres() -> Result<PathBuf, ServiceError> {
    path_folders()
        .chain(pg_config_folder())
        .chain(versioned_folders())
        .find(|folder| is_file(&folder.join("initdb")) && is_file(&folder.join("postgres")))
        .ok_or(ServiceError::NotInstalled {
            program: "postgres",
            looked_in: POSTGRES_PLACES,
        })
}

/// `redis-server`, or else `valkey-server`, which speaks the same.
pub fn find_redis() -> Result<PathBuf, ServiceError> {
    let usual = [
        "/usr/local/bin",
        "/usr/bin",
        "/usr/sbin",
        "/opt/homebrew/bin",
        "/home/linuxbrew/.linuxbrew/bin",
    ];
    let folders: Vec<PathBuf> = path_folders().chain(usual.map(PathBuf::from)).collect();
    ["redis-server", "valkey-server"]
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| is_file(program))
        .ok_or(ServiceError::NotInstalled {
            program: "redis-server",
            looked_in: REDIS_PLACES,
        })
}

/// The library that has a program see another wall clock when it is preloaded, for tests of wrong clocks.
/// <https://github.com/wolfcw/libfaketime>
pub fn find_faketime() -> Result<PathBuf, ServiceError> {
    const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
    let machine = env::consts::ARCH;
    ["/usr/lib", "/usr/lib64", "/usr/local/lib"]
        .iter()
        .flat_map(|folder| {
            let folder = Path::new(folder);
            [
                folder.join(LIBRARY),
                folder.join(format!("{machine}-linux-gnu")).join(LIBRARY),
            ]
        })
        .find(|library| is_file(library))
        .ok_or(ServiceError::NotInstalled {
            program: "libfaketime",
            looked_in: "/usr/lib, /usr/lib64, /usr/local/lib",
        })
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

fn path_folders() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

fn pg_config_folder() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| PathBuf::from(folder.trim()))
}

/// Distributions keep several major versions side by side; the newest comes first.
fn versioned_folders() -> impl Iterator<Item = PathBuf> {
    let roots = [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/usr/libexec", "postgresql"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
        ("/Applications/Postgres.app/Contents/Versions", ""),
    ];
    let mut found: Vec<(u32, PathBuf)> = roots
        .iter()
        .filter_map(|(root, prefix)| Some((fs::read_dir(root).ok()?, prefix)))
        .flat_map(|(entries, prefix)| {
            entries
                .flatten()
                .filter_map(|entry| versioned(&entry.path(), prefix))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, folder)| folder.join("bin"))
}

fn versioned(folder: &Path, prefix: &str) -> Option<(u32, PathBuf)> {
    let version = folder.file_name()?.to_str()?.strip_prefix(prefix)?;
    let major = version.split('.').next()?.parse().ok()?;
    Some((major, folder.to_path_buf()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_versioned_folder_is_told_by_its_prefix_and_number() {
        assert_eq!(
            versioned(Path::new("/usr/pgsql-16"), "pgsql-").map(|found| found.0),
            Some(16)
        );
        assert_eq!(
            versioned(Path::new("/usr/lib/postgresql/9.6"), "").map(|found| found.0),
            Some(9)
        );
        assert_eq!(versioned(Path::new("/usr/share"), "pgsql-"), None);
        assert_eq!(versioned(Path::new("/usr/pgsql-old"), "pgsql-"), None);
    }
}
