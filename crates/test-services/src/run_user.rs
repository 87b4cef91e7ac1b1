use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::ServiceError;

/// The account that a private server runs under: ours, except that PostgreSQL refuses root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunUser(Option<(u32, u32)>);

impl RunUser {
    /// Our own account.
    pub(crate) const fn ourselves() -> Self {
        Self(None)
    }

    /// Our own account, or for root that of `postgres`, else that of `nobody`.
    pub(crate) fn never_root() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self::ourselves();
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self(ids_of(&accounts, "postgres").or_else(|| ids_of(&accounts, "nobody")))
    }

    /// Makes `command` run under this account.
    pub(crate) fn apply(self, command: &mut Command) {
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
    }

    /// A new temporary folder that this account owns and can reach.
    pub(crate) fn temporary_folder(self, prefix: &str) -> Result<TempDir, ServiceError> {
        let folder = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in(self.temporary_root())
            .map_err(ServiceError::io("make a temporary folder"))?;
        if let Some((user, group)) = self.0 {
            chown(folder.path(), Some(user), Some(group)).map_err(ServiceError::io(
                "hand a temporary folder to the server's account",
            ))?;
        }
        Ok(folder)
    }

    /// Makes a folder that this account owns, unless it is there.
    pub(crate) fn own_folder(self, folder: &Path) -> Result<(), ServiceError> {
        fs::create_dir_all(folder).map_err(ServiceError::io("make the folder of kept data"))?;
        if let Some((user, group)) = self.0 {
            chown(folder, Some(user), Some(group)).map_err(ServiceError::io(
                "hand the folder of kept data to the server's account",
            ))?;
        }
        Ok(())
    }

    /// The temporary folder of the environment may lie under a home that only its owner may enter.
    fn temporary_root(self) -> PathBuf {
        let usual = std::env::temp_dir();
        if self.0.is_none() {
            return usual;
        }
        [
            usual.clone(),
            PathBuf::from("/tmp"),
            PathBuf::from("/var/tmp"),
        ]
        .into_iter()
        .find(|folder| is_open_to_all(folder))
        .unwrap_or(usual)
    }
}

fn is_open_to_all(folder: &Path) -> bool {
    folder
        .ancestors()
        .filter(|ancestor| !ancestor.as_os_str().is_empty())
        .all(|ancestor| {
            fs::metadata(ancestor).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
        })
}

fn ids_of(accounts: &str, name: &str) -> Option<(u32, u32)> {
    let line = accounts
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2);
    Some((ids.next()?.parse().ok()?, ids.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accounts_ids_are_its_third_and_fourth_field() {
        let accounts =
            "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(ids_of(accounts, "postgres"), Some((101, 104)));
        assert_eq!(ids_of(accounts, "post"), None);
        assert_eq!(ids_of("nobody:*:-2:-2::/:/usr/bin/false", "nobody"), None);
    }

    #[test]
    fn a_folder_behind_a_closed_one_is_not_open() {
        let outer = tempfile::tempdir().unwrap();
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(!is_open_to_all(&inner));
    }
}
