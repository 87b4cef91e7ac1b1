use std::time::Instant;

use super::Stage;
use crate::Result;
use crate::report::Report;

/// The first page and the page at 90 % of the depth cost the same.
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    const ROUNDS: usize = 400;
    let depth = stage.ids.len() * 9 / 10;
    let deep = cursor_at(stage, depth).await?;
    let paths = [
        "/v1/users?limit=50".to_owned(),
        format!("/v1/users?limit=50&cursor={deep}"),
    ];
    let mut times = [Vec::new(), Vec::new()];
    // Taken in turn, so that whatever else the machine does falls on both.
    for round in 0..ROUNDS {
        for which in [round % 2, 1 - round % 2] {
            let took = time(stage, &paths[which]).await?;
            if round >= ROUNDS / 10 {
                times[which].push(took);
            }
        }
    }
    let [first, last] = times.map(median);
    let ratio = last / first;
    let note = format!(
        "first {first:.3} ms, at row {depth} {last:.3} ms, ratio {ratio:.2} (median of {ROUNDS})"
    );
    report.check("deep page within 1.2 of the first", ratio <= 1.2, note);
    let (shallow, offset) = (
        stage.store.offset_page_ms(0).await?,
        stage.store.offset_page_ms(depth as u64).await?,
    );
    report.note(
        "the same pages by OFFSET",
        format!(
            "{shallow:.2} ms and {offset:.2} ms in the store, ratio {:.0}",
            offset / shallow
        ),
    );
    Ok(())
}

/// The cursor behind a row, from a numbered page when it is shallow, else by walking there.
async fn cursor_at(stage: &Stage<'_>, depth: usize) -> Result<String> {
    let mut path = "/v1/users?limit=200".to_owned();
    let mut cursor = String::new();
    for _ in 0..(depth / 200).max(1) {
        let answer = stage.client.get(&path).await?;
        answer.body["next_cursor"]
            .as_str()
            .ok_or("the list ended early")?
            .clone_into(&mut cursor);
        path = format!("/v1/users?limit=200&cursor={cursor}");
    }
    Ok(cursor)
}

#[expect(clippy::disallowed_methods, reason = "a measurement of real time")]
async fn time(stage: &Stage<'_>, path: &str) -> Result<f64> {
    let started = Instant::now();
    let answer = stage.client.get(path).await?;
    let took = started.elapsed().as_secs_f64() * 1_000.0;
    match answer.body["items"].as_array().map(Vec::len) {
        Some(50) => Ok(took),
        items => Err(format!("{path} answered {} with {items:?} rows", answer.status).into()),
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
