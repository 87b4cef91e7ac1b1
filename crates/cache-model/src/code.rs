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

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Every function and script that a step of either model names.
    fn named() -> Vec<(&'static str, Option<&'static str>)> {
        let sources = [include_str!("bound/step.rs"), include_str!("fill/step.rs")];
        let mut named = Vec::new();
        for source in sources {
            // Texts in quotes are every second part.
            let before = source.split('"').step_by(2);
            let texts: Vec<_> = source.split('"').skip(1).step_by(2).collect();
            for (index, before) in before.enumerate() {
                let before = before.trim_end();
                if before.ends_with("Function(") {
                    named.push((texts[index], Some(texts[index + 1])));
                } else if before.ends_with("Script(") {
                    named.push((texts[index], None));
                }
            }
        }
        named
    }

    #[test]
    fn what_a_step_names_is_there() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let named = named();
        assert!(named.len() > 15, "{named:?}");
        for (file, function) in named {
            let source = std::fs::read_to_string(workspace.join(file));
            let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
            if let Some(function) = function {
                let is_there = ["(", "<"]
                    .iter()
                    .any(|after| source.contains(&format!("fn {function}{after}")));
                assert!(is_there, "{file} has no function {function}");
            }
        }
    }
}
