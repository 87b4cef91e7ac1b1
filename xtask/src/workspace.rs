use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{cargo, output};
use crate::failure::Outcome;

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or_else(|| Path::new("."))
}

/// A file that is, or is about to be, under version control.
pub(crate) struct TextFile {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    /// Whether the path ends in a dot and `extension`.
    pub(crate) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|found| found == extension)
    }
}

/// All text files that git tracks or would add, in the order of their paths.
pub(crate) fn files() -> Outcome<Vec<TextFile>> {
    let list = output(
        Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
                "--deduplicate",
            ])
            .current_dir(root()),
    )?;
    let mut files: Vec<TextFile> = list
        .split('\0')
        .filter(|path| !path.is_empty())
        // Neither what is deleted and not committed yet, nor what is no text.
        .filter_map(|path| {
            Some(TextFile {
                path: path.to_owned(),
                text: std::fs::read_to_string(root().join(path)).ok()?,
            })
        })
        .collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> Outcome<PathBuf> {
    let printed = output(&mut cargo([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
    ]))?;
    let metadata = cargo_metadata::MetadataCommand::parse(printed)?;
    Ok(metadata.target_directory.into_std_path_buf())
}
