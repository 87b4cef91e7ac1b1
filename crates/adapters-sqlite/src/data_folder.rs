use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The folder with the database file, held by this process alone until this is dropped or the
/// process ends, however it ends.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// Open for as long as the lock is held.
    _lock: File,
}

/// A data folder that this process cannot have.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("the data folder {} is in use by {by}", .path.display())]
    Held {
        /// Which folder.
        path: PathBuf,
        /// What its holder says of itself.
        by: String,
    },
    /// It cannot be made, or its files cannot be written.
    #[error("the data folder {} cannot be used", .path.display())]
    Io {
        /// Which folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DataFolder {
    /// Takes the folder, and creates it for its owner alone when it is not there. `holder` says
    /// who has it, to whoever asks for it meanwhile: "a server at <http://127.0.0.1:8080>".
    pub fn lock(dir: &Path, holder: &str) -> Result<Self, LockError> {
        let refused = |source| LockError::Io {
            path: PathBuf::from(dir),
            source,
        };
        create_private(dir).map_err(refused)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join("roster.lock"))
            .map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    path: PathBuf::from(dir),
                    by: holder_of(dir),
                });
            }
            Err(TryLockError::Error(source)) => return Err(refused(source)),
        }
        let folder = Self {
            path: PathBuf::from(dir),
            _lock: lock,
        };
        folder.set_holder(holder)?;
        Ok(folder)
    }

    /// Says anew who has the folder, such as once a server knows its port.
    pub fn set_holder(&self, holder: &str) -> Result<(), LockError> {
        write_holder(&self.path, holder).map_err(|source| LockError::Io {
            path: self.path.clone(),
            source,
        })
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database file in it.
    pub fn database(&self) -> PathBuf {
        self.path.join("roster.db")
    }
}

/// A file of its own: where locks are mandatory, nobody else can read the locked one.
const HOLDER: &str = "roster.holder";

fn write_holder(dir: &Path, holder: &str) -> io::Result<()> {
    let next = dir.join("roster.holder.new");
    fs::write(&next, holder)?;
    fs::rename(next, dir.join(HOLDER))
}

fn holder_of(dir: &Path) -> String {
    match fs::read_to_string(dir.join(HOLDER)) {
        Ok(holder) if !holder.trim().is_empty() => holder.trim().to_owned(),
        _ => String::from("another process"),
    }
}

fn create_private(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}
