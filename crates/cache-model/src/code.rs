use std::fmt;

/// Where a step of the model is done in reality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// A function of ours: its file from the root of the workspace, and its name.
    Function(&'static str, &'static str),
    /// A Redis script of ours.
    Script(&'static str),
    /// Crashes, losses, evictions, time, and designs that are not ours.
    World,
}

impl fmt::Display for Code {
    /// In brackets and without folders; nothing where nothing of ours does it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |path: &'static str| path.rsplit('/').next().unwrap_or(path);
        match self {
            Self::Function(file, function) => write!(formatter, "  [{} {function}]", name(file)),
            Self::Script(file) => write!(formatter, "  [{}]", name(file)),
            Self::World => Ok(()),
        }
    }
}
