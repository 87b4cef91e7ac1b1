//! The run folder: `cells.csv`, `latencies.csv`, `figures.csv`, `README.md` with the tables, plots.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::figures;
use crate::measured::{Measured, median};
use crate::plots;
use crate::run::Seen;
use crate::sizes;
use crate::targets::{self, Reached};

/// Writes everything; returns the tables.
pub(crate) fn write(
    folder: &Path,
    command: &str,
    facts: &[(&str, String)],
    seen: &Seen,
) -> Result<String> {
    std::fs::create_dir_all(folder)?;
    let mut cells = csv::Writer::from_path(folder.join("cells.csv"))?;
    for cell in &seen.cells {
        cells.serialize(cell)?;
    }
    cells.flush()?;
    if !seen.latencies.is_empty() {
        let mut latencies = csv::Writer::from_path(folder.join("latencies.csv"))?;
        latencies.write_record(["system", "rate", "failed", "quantile", "microseconds"])?;
        for open in &seen.latencies {
            for (quantile, micros) in &open.points {
                latencies.write_record([
                    open.system.clone(),
                    open.rate.to_string(),
                    open.failed.to_string(),
                    quantile.to_string(),
                    micros.to_string(),
                ])?;
            }
        }
        latencies.flush()?;
    }
    if !seen.figures.is_empty() {
        let mut figures = csv::Writer::from_path(folder.join("figures.csv"))?;
        for figure in &seen.figures {
            figures.serialize(figure)?;
        }
        figures.flush()?;
    }
    if !seen.profiles.is_empty() {
        std::fs::write(folder.join("profiles.md"), profiles(&seen.profiles))?;
    }
    let plots = plots::all(folder, seen)?;
    let text = summary(command, facts, seen, &plots);
    std::fs::write(folder.join("README.md"), &text)?;
    Ok(text)
}

fn profiles(profiles: &[(String, String)]) -> String {
    let mut text = "# Where the service and its stores spend their time\n\n\
        Samples of `perf` while it does each workload, in percent of those of the service, of \
        PostgreSQL and of Redis: the parts by what functions are named after, those of a store by the \
        library that they are in, then the functions with the most.\n"
        .to_owned();
    for (name, profile) in profiles {
        let _ = write!(text, "\n## {name}\n\n{profile}");
    }
    text
}

fn summary(command: &str, facts: &[(&str, String)], seen: &Seen, plots: &[PathBuf]) -> String {
    let mut text = format!("# A run of the benchmark\n\n`{command}`\n\n");
    text += "Figures are medians over the rounds; times of processors are microseconds per request. \
             Service, stores and load generator share the processors, so throughput mixes the cost of all: \
             compare within the run.\n\n| | |\n|---|---|\n";
    for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        let _ = writeln!(text, "| {name} | {fact} |");
    }
    let measured = seen.cells.iter().map(|cell| cell.users);
    let beside = seen.figures.iter().map(|figure| figure.users);
    for users in distinct(measured.chain(beside)) {
        let _ = writeln!(text, "\n## Targets, {users} users\n");
        text += "| | target | wanted | reached | least to most | |\n|---|---|---|---|---|---|\n";
        for target in targets::reached(&seen.cells, &seen.figures, users) {
            text += &target_line(&target);
        }
        if seen.figures.iter().any(|figure| figure.users == users) {
            let _ = writeln!(text, "\n## Beside the load, {users} users\n");
            text += &figures::table(&seen.figures, users);
        }
        if seen.cells.iter().any(|cell| cell.users == users) {
            let _ = writeln!(text, "\n## Cells, {users} users\n");
            text += &cells_table(&seen.cells, users);
        }
    }
    let sizes = sizes::by_size(&seen.cells);
    if !sizes.is_empty() {
        text += &sizes::table(&sizes);
    }
    if !seen.latencies.is_empty() {
        text += &latency_table(seen);
    }
    let failed = seen.failed();
    let (compared, wrong) = seen.cells.iter().fold((0, 0), |(compared, wrong), cell| {
        (compared + cell.compared, wrong + cell.wrong)
    });
    let _ = writeln!(
        text,
        "\n## Answers\n\n{compared} answers compared with the database, {wrong} wrong; {failed} requests failed."
    );
    for wrong in seen.wrong.iter().take(20) {
        let _ = writeln!(text, "- {wrong}");
    }
    text.push('\n');
    for plot in plots {
        if let Some(name) = plot.file_name().map(|name| name.to_string_lossy()) {
            let _ = writeln!(text, "![{name}]({name})");
        }
    }
    text
}

fn target_line(target: &Reached) -> String {
    let (reached, spread) = match target.value {
        None => ("not measured".to_owned(), String::new()),
        Some(value) => (
            format!("{:.2}", value.median),
            format!("{:.2} to {:.2}", value.least, value.most),
        ),
    };
    let mark = match (target.value.is_some(), target.met) {
        (false, _) => "",
        (true, true) => "met",
        (true, false) => "missed",
    };
    format!(
        "| {} | {} | {} | {reached} | {spread} | {mark} |\n",
        target.name, target.text, target.wanted
    )
}

fn cells_table(cells: &[Measured], users: u64) -> String {
    let mut text = "| | form | system | requests/s | service | PostgreSQL | Redis | total | generator | p50 µs | p99 µs | other |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let keys = distinct(cells.iter().filter(|cell| cell.users == users).map(|cell| {
        (
            cell.workload.clone(),
            cell.variant.clone(),
            cell.system.clone(),
        )
    }));
    for (workload, variant, system) in keys {
        let rounds: Vec<_> = cells
            .iter()
            .filter(|cell| cell.key() == (users, &workload, &variant, &system))
            .collect();
        let of =
            |figure: fn(&Measured) -> f64| median(rounds.iter().map(|cell| figure(cell)).collect());
        let queries: Vec<f64> = rounds
            .iter()
            .filter_map(|cell| cell.queries.map(|queries| queries as f64))
            .collect();
        if queries.is_empty() {
            let _ = writeln!(
                text,
                "| {workload} | {variant} | {system} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} | {:.0} octets, {:.0} MiB |",
                of(|cell| cell.requests_per_second),
                of(|cell| cell.service_us),
                of(|cell| cell.postgres_us),
                of(|cell| cell.redis_us),
                of(|cell| cell.total_us),
                of(|cell| cell.generator_us),
                of(|cell| cell.p50_us as f64),
                of(|cell| cell.p99_us as f64),
                of(|cell| cell.octets_per_answer),
                of(|cell| cell.resident_mib),
            );
        } else {
            let bursts = of(|cell| cell.requests as f64 / f64::from(cell.connections.max(1)));
            let _ = writeln!(
                text,
                "| {workload} | {variant} | {system} | | | | | | | | | last answer {:.1} ms, {:.1} queries a burst |",
                of(|cell| cell.max_us as f64) / 1_000.0,
                median(queries) / bursts,
            );
        }
    }
    text
}

fn latency_table(seen: &Seen) -> String {
    let mut text = "\n## Latency of hot reads in an open loop, µs\n\n| requests/s | system | p50 | p90 | p99 | p99.9 | p99.99 | failed |\n|---|---|---|---|---|---|---|---|\n".to_owned();
    for open in &seen.latencies {
        let at = |quantile: f64| {
            open.points
                .iter()
                .find(|(point, _)| (point - quantile).abs() < 1e-9)
                .map_or_else(|| "–".to_owned(), |(_, micros)| micros.to_string())
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            open.rate,
            open.system,
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999),
            at(0.9999),
            open.failed
        );
    }
    text
}

/// Each of these once, in the order of their first appearance.
pub(crate) fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}
