use std::fs::{self, File, OpenOptions};
use std::io::{self, Stdout, Write};
use std::path::{Path, PathBuf};

/// Where an export goes. A file appears whole or not at all: it is written under another name
/// beside its own and takes its own once every octet is on the disk.
pub enum Target {
    /// Standard output.
    Stdout(Stdout),
    /// Something that is no regular file, such as a named pipe: written as it is.
    Direct(File),
    /// A file that is not there yet.
    Partial(PartialFile),
}

/// A file under its name of the meantime; removed when it is dropped before its time.
pub struct PartialFile {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    kept: bool,
}

impl Target {
    /// Standard output.
    pub fn stdout() -> Self {
        Self::Stdout(io::stdout())
    }

    /// The file at `path`; `token` sets the name of the meantime apart from that of another export.
    pub fn file(path: &Path, token: [u8; 16]) -> io::Result<Self> {
        // A link keeps its place, and what it leads to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => {
                return Ok(Self::Direct(OpenOptions::new().write(true).open(&path)?));
            }
            _ => {}
        }
        let Some(name) = path.file_name() else {
            return Err(io::ErrorKind::InvalidFilename.into());
        };
        let token = u128::from_be_bytes(token);
        let partial =
            path.with_file_name(format!(".{}.{token:032x}.partial", name.to_string_lossy()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            // Names and addresses are in it.
            options.mode(0o600);
        }
        let file = options.open(&partial)?;
        Ok(Self::Partial(PartialFile {
            file,
            partial,
            path,
            kept: false,
        }))
    }

    /// Makes what was written last.
    pub(super) fn commit(self) -> io::Result<()> {
        match self {
            Self::Stdout(mut stdout) => stdout.flush(),
            Self::Direct(mut file) => file.flush(),
            Self::Partial(mut partial) => partial.commit(),
        }
    }
}

impl PartialFile {
    fn commit(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.partial, &self.path)?;
        self.kept = true;
        // The name is on the disk when its folder is.
        let folder = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.kept {
            // The failure that led here is the one to tell.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

impl Write for Target {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(octets),
            Self::Direct(file) | Self::Partial(PartialFile { file, .. }) => file.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::Direct(file) | Self::Partial(PartialFile { file, .. }) => file.flush(),
        }
    }
}
