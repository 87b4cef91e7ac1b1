//! Features that take a part of the protocol away: nothing may switch one on by the way.

use std::collections::BTreeMap;
use std::path::Path;

use cargo_metadata::MetadataCommand;

use crate::failure::Outcome;

/// Every feature and dependency of the workspace at `manifest` that switches one on, but for the
/// features that say so in their name.
pub(crate) fn misused(manifest: &Path) -> Outcome<Vec<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()?;
    let mut found = Vec::new();
    for package in &metadata.packages {
        let features = by_features(&package.features);
        let dependencies = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.features.iter().any(|name| is_switch(name)))
            .map(|dependency| format!("its dependency {}", dependency.name));
        found.extend(features.chain(dependencies).map(|who| {
            format!(
                "{}: {who} switches a part of the protocol off",
                package.name
            )
        }));
    }
    Ok(found)
}

fn by_features(features: &BTreeMap<String, Vec<String>>) -> impl Iterator<Item = String> {
    features
        .iter()
        .filter(|(name, enabled)| !is_switch(name) && enabled.iter().any(|name| is_switch(name)))
        .map(|(name, _)| format!("its feature {name}"))
}

/// `without-guard`, or `roster-app/without-guard`.
fn is_switch(feature: &str) -> bool {
    let name = feature.rsplit('/').next().unwrap_or(feature);
    name.starts_with("without-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_build_that_leaves_a_part_out_is_found() {
        let features = |entries: &[(&str, &[&str])]| {
            let owned = entries.iter().map(|(name, enabled)| {
                let enabled = enabled.iter().map(ToString::to_string).collect();
                ((*name).to_owned(), enabled)
            });
            by_features(&owned.collect()).collect::<Vec<_>>()
        };
        let switches: (&str, &[&str]) = ("without-guard", &["unsound", "app/without-guard"]);
        assert_eq!(features(&[switches, ("unsound", &[])]), [""; 0]);
        for enabled in ["without-guard", "app/without-guard", "app?/without-guard"] {
            assert_eq!(
                features(&[switches, ("default", &[enabled])]),
                ["its feature default"]
            );
        }
    }

    #[test]
    fn nothing_in_the_workspace_leaves_a_part_out() {
        let manifest = crate::workspace::root().join("Cargo.toml");
        assert_eq!(misused(&manifest).unwrap(), [""; 0]);
    }
}
