use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand};

use super::table::Row;
use crate::command::{cargo, output};
use crate::failure::Outcome;

/// Every edge of the workspace at `manifest` that `table` does not allow.
pub(crate) fn illegal(manifest: &Path, table: &[Row]) -> Outcome<Vec<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()?;
    let members: BTreeSet<&str> = metadata
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut found = Vec::new();
    for package in &metadata.packages {
        let Some(row) = table
            .iter()
            .find(|row| row.package == package.name.as_str())
        else {
            found.push(format!(
                "{} is not in the table of boundaries",
                package.name
            ));
            continue;
        };
        let named = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal)
            .map(|dependency| dependency.name.as_str());
        for name in named.filter(|name| members.contains(name) && !row.may_name.contains(name)) {
            found.push(format!(
                "{} names {name}, which its row does not allow",
                package.name
            ));
        }
        found.extend(illegally_reached(manifest, row)?);
    }
    Ok(found)
}

/// From `cargo tree`, because the resolved graph of `cargo metadata` is that of all members and their tests together.
fn illegally_reached(manifest: &Path, row: &Row) -> Outcome<Vec<String>> {
    let mut tree = cargo(["tree", "--offline", "--edges", "normal", "--prefix", "none"]);
    tree.args([
        "--format",
        "{p}",
        "--package",
        row.package,
        "--manifest-path",
    ])
    .arg(manifest);
    let printed = output(&mut tree)?;
    let reached: BTreeSet<&str> = printed
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let forbidden = reached.into_iter().filter(|name| {
        *name != row.package
            && row
                .never_reaches
                .iter()
                .any(|pattern| matches(pattern, name))
    });
    Ok(forbidden
        .map(|name| {
            format!(
                "{} reaches {name}; `cargo tree -p {} -e normal -i {name}` tells how",
                row.package, row.package
            )
        })
        .collect())
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == name, |beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::super::table::TABLE;
    use super::*;

    fn fixture(name: &str) -> Outcome<Vec<String>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(name);
        illegal(&folder.join("Cargo.toml"), TABLE)
    }

    #[test]
    fn an_edge_that_the_table_does_not_allow_is_found() {
        let found = fixture("illegal-edge").unwrap();
        assert!(
            found
                .iter()
                .any(|text| text.starts_with("roster-domain names roster-adapters-memory")),
            "{found:?}"
        );
    }

    #[test]
    fn what_is_reached_over_another_crate_is_found() {
        let found = fixture("illegal-reach").unwrap();
        let beginnings: Vec<&str> = found
            .iter()
            .filter_map(|text| text.split(';').next())
            .collect();
        assert_eq!(
            beginnings,
            ["roster-app reaches sqlx", "roster-domain reaches sqlx"]
        );
    }

    #[test]
    fn dev_dependencies_are_free_and_new_crates_need_a_row() {
        let found = fixture("unknown-crate").unwrap();
        assert_eq!(found, ["roster-newcomer is not in the table of boundaries"]);
    }

    #[test]
    fn the_workspace_itself_keeps_its_boundaries() {
        let found = illegal(&crate::workspace::root().join("Cargo.toml"), TABLE).unwrap();
        assert!(found.is_empty(), "{found:#?}");
    }
}
