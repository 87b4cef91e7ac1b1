use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

/// Inputs that are changed further.
pub(crate) struct Corpus(Vec<Vec<u8>>);

impl Corpus {
    /// More are not kept: the oldest of those that were found make room.
    const MOST: usize = 4_096;

    /// Every file of a folder, by name; one empty input when there is none.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut files: Vec<_> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        files.sort();
        let mut inputs: Vec<_> = files
            .iter()
            .filter_map(|file| fs::read(file).ok())
            .collect();
        if inputs.is_empty() {
            inputs.push(Vec::new());
        }
        Self(inputs)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, number: usize) -> &[u8] {
        &self.0[number % self.0.len()]
    }

    pub(crate) fn add(&mut self, input: Vec<u8>) {
        if self.0.len() >= Self::MOST {
            self.0.swap_remove(Self::MOST / 2);
        }
        self.0.push(input);
    }
}

/// Keeps an input that a target did not survive.
pub(crate) fn keep(folder: &Path, input: &[u8]) {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let path = folder.join(format!("crash-{:016x}", hasher.finish()));
    // The panic that led here is the one to tell.
    let _ = fs::create_dir_all(folder).and_then(|()| fs::write(path, input));
}
