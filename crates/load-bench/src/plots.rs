//! The pictures of a run, as SVG.

use std::ops::Range;
use std::path::{Path, PathBuf};

use plotters::prelude::*;

use crate::Result;
use crate::measured::{Measured, median};
use crate::report::distinct;
use crate::run::Seen;
use crate::sizes::by_size;

const SIZE: (u32, u32) = (900, 420);

/// A name and its points.
type Line = (String, Vec<(f64, f64)>);

/// Draws what the run has figures for.
pub(crate) fn all(folder: &Path, seen: &Seen) -> Result<Vec<PathBuf>> {
    let mut drawn = Vec::new();
    let most = seen
        .cells
        .iter()
        .map(|cell| cell.users)
        .max()
        .unwrap_or_default();
    for (workload, variant) in [("W1", "hot"), ("W2", "uniform"), ("W3", "miss")] {
        let bars = throughput(&seen.cells, most, workload, variant);
        if bars.len() > 1 {
            let path = folder.join(format!("{}-throughput.svg", workload.to_lowercase()));
            draw_bars(&path, &format!("{workload}, {variant}: requests/s"), &bars)?;
            drawn.push(path);
        }
    }
    for rate in distinct(seen.latencies.iter().map(|open| open.rate)) {
        let lines: Vec<Line> = seen
            .latencies
            .iter()
            .filter(|open| open.rate == rate)
            .map(|open| {
                // The number of nines spreads the tail out.
                let points = open
                    .points
                    .iter()
                    .map(|(quantile, micros)| (-(1.0 - quantile).log10(), *micros as f64 / 1_000.0))
                    .collect();
                (open.system.clone(), points)
            })
            .collect();
        let path = folder.join(format!("latency-{rate}.svg"));
        let caption = format!(
            "Open loop, {rate} requests/s: latency in ms (logarithmic) by nines of the percentile"
        );
        draw_lines(&path, &caption, &lines)?;
        drawn.push(path);
    }
    let depth = by_depth(&seen.cells, most);
    if !depth.is_empty() {
        let path = folder.join("depth.svg");
        draw_lines(
            &path,
            "W5: µs of processors a page (logarithmic), by depth in percent of the list",
            &depth,
        )?;
        drawn.push(path);
    }
    let rows = by_rows(&seen.cells);
    if !rows.is_empty() {
        let path = folder.join("rows.svg");
        draw_lines(
            &path,
            "µs of processors a request (logarithmic), by powers of ten of rows",
            &rows,
        )?;
        drawn.push(path);
    }
    Ok(drawn)
}

fn throughput(cells: &[Measured], users: u64, workload: &str, variant: &str) -> Vec<(String, f64)> {
    let there: Vec<_> = cells
        .iter()
        .filter(|cell| cell.users == users && cell.workload == workload)
        .filter(|cell| cell.variant == variant || cell.service_us == 0.0)
        .collect();
    distinct(
        there
            .iter()
            .map(|cell| (cell.system.clone(), cell.variant.clone())),
    )
    .into_iter()
    .map(|(system, form)| {
        let figures = there
            .iter()
            .filter(|cell| cell.system == system && cell.variant == form)
            .map(|cell| cell.requests_per_second)
            .collect();
        let name = if form == variant {
            system
        } else {
            format!("{system}, {form}")
        };
        (name, median(figures))
    })
    .collect()
}

fn by_depth(cells: &[Measured], users: u64) -> Vec<Line> {
    const FORMS: [(&str, f64); 4] = [
        ("first page", 0.0),
        ("page at 10 %", 10.0),
        ("page at 50 %", 50.0),
        ("page at 90 %", 90.0),
    ];
    let pages = || {
        cells
            .iter()
            .filter(|cell| cell.users == users && cell.workload == "W5")
    };
    distinct(pages().map(|cell| cell.system.clone()))
        .into_iter()
        .map(|system| {
            let points = FORMS
                .iter()
                .map(|(form, depth)| {
                    let figures = pages()
                        .filter(|cell| cell.system == system && cell.variant == *form)
                        .map(|cell| cell.total_us)
                        .collect();
                    (*depth, median(figures))
                })
                .filter(|(_, cost)| cost.is_finite())
                .collect();
            (system, points)
        })
        .collect()
}

/// Only where a run had several sizes.
fn by_rows(cells: &[Measured]) -> Vec<Line> {
    by_size(cells)
        .into_iter()
        .map(|row| {
            let points = row
                .costs
                .iter()
                .map(|(users, cost)| ((*users as f64).log10(), *cost))
                .collect();
            (format!("{} {}", row.workload, row.variant), points)
        })
        .collect()
}

fn draw_bars(path: &Path, caption: &str, bars: &[(String, f64)]) -> Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let most = bars.iter().map(|(_, value)| *value).fold(1.0, f64::max) * 1.15;
    let mut chart = ChartBuilder::on(&root)
        .caption(caption, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(190)
        .build_cartesian_2d(0.0..most, (0..bars.len()).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(bars.len())
        .y_label_formatter(&|segment| match segment {
            SegmentValue::CenterOf(bar) | SegmentValue::Exact(bar) => bars
                .get(*bar)
                .map(|(name, _)| name.clone())
                .unwrap_or_default(),
            SegmentValue::Last => String::new(),
        })
        .x_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    chart.draw_series(bars.iter().enumerate().map(|(bar, (name, value))| {
        let colour = if name == "roster" {
            RED.filled()
        } else {
            BLUE.mix(0.6).filled()
        };
        let (from, to) = (SegmentValue::Exact(bar), SegmentValue::Exact(bar + 1));
        let mut rectangle = Rectangle::new([(0.0, from), (*value, to)], colour);
        rectangle.set_margin(4, 4, 0, 0);
        rectangle
    }))?;
    root.present()?;
    Ok(())
}

/// From the power of ten below these numbers to the one above: the marks of a logarithmic axis.
fn decades(numbers: impl Iterator<Item = f64>) -> Range<f64> {
    let numbers = numbers.filter(|number| *number > 0.0);
    let (least, most) = numbers.fold((f64::MAX, 0.0_f64), |(least, most), number| {
        (least.min(number), most.max(number))
    });
    if most == 0.0 {
        return 1.0..10.0;
    }
    let from = least.log10().floor();
    let to = most.log10().ceil().max(from + 1.0);
    10_f64.powf(from)..10_f64.powf(to)
}

/// The vertical axis is logarithmic.
fn draw_lines(path: &Path, caption: &str, lines: &[Line]) -> Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let points = || lines.iter().flat_map(|(_, points)| points.iter().copied());
    let (left, right) = points().fold((f64::MAX, f64::MIN), |(least, most), (x, _)| {
        (least.min(x), most.max(x))
    });
    let heights = decades(points().map(|(_, y)| y));
    let mut chart = ChartBuilder::on(&root)
        .caption(caption, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(left..right.max(left + 1.0), heights.log_scale())?;
    chart.configure_mesh().draw()?;
    for (number, (name, points)) in lines.iter().enumerate() {
        let colour = Palette99::pick(number).to_rgba();
        chart
            .draw_series(
                LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3),
            )?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_goes_from_power_to_power() {
        let of = |numbers: &[f64]| decades(numbers.iter().copied());
        let near = |found: Range<f64>, from: f64, to: f64| {
            (found.start / from - 1.0).abs() < 1e-9 && (found.end / to - 1.0).abs() < 1e-9
        };
        assert!(near(of(&[0.3, 34.0, 0.0]), 0.1, 100.0));
        assert!(near(of(&[50.0]), 10.0, 100.0));
        assert!(near(of(&[]), 1.0, 10.0));
    }

    #[test]
    fn depth_begins_with_the_first_page() {
        let cell = |variant: &str, total_us| Measured {
            users: 7,
            workload: "W5".to_owned(),
            variant: variant.to_owned(),
            system: "roster".to_owned(),
            total_us,
            ..Measured::default()
        };
        let cells = [cell("first page", 40.0), cell("page at 90 %", 50.0)];
        let lines = by_depth(&cells, 7);
        assert_eq!(
            lines,
            [("roster".to_owned(), vec![(0.0, 40.0), (90.0, 50.0)])]
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("depth.svg");
        draw_lines(&path, "depth", &lines).unwrap();
        let drawn = std::fs::read_to_string(path).unwrap();
        assert!(drawn.contains("100"), "{drawn}");
    }
}
