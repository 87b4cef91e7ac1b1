//! Cursors of pages deep in the list: got as a client gets them, by walking there.

use std::time::Duration;

use serde_json::Value;

use crate::Result;
use crate::stand::Stand;
use crate::system::System;

/// Cursors of one system by how deep they are: at each depth those of many pages in a row, so
/// that readers there want different ones.
#[derive(Default)]
pub(crate) struct Cursors(Vec<(u32, Vec<Place>)>);

/// The row that a page begins with, and the way there.
struct Place {
    row: usize,
    cursor: String,
}

impl Cursors {
    const DEPTHS: [u32; 3] = [10, 50, 90];
    /// Pages at each depth: more than there are connections, or who asks at the same time would
    /// often ask for the same.
    const PLACES: usize = 256;
    /// Rows from one of them to the next.
    const APART: usize = 20;
    /// Rows of a page on the way.
    const STEP: usize = 200;

    /// Walks to 90 % of the list and a little on.
    pub(crate) async fn walk(system: &System, stand: &Stand) -> Result<Self> {
        let http = system.client()?;
        let mut found = Vec::new();
        let (mut row, mut cursor) = (0, String::new());
        for percent in Self::DEPTHS {
            let first = stand.ids.len() / 100 * percent as usize;
            let mut places = Vec::new();
            while places.len() < Self::PLACES {
                let limit = if row < first { Self::STEP } else { Self::APART };
                let body = page(&http, system, &path(limit, &cursor)).await?;
                body["next_cursor"]
                    .as_str()
                    .ok_or_else(|| format!("{}: the list ends at row {row}", system.name))?
                    .clone_into(&mut cursor);
                row += body["items"].as_array().map_or(0, Vec::len);
                if row >= first {
                    let cursor = cursor.clone();
                    places.push(Place { row, cursor });
                }
            }
            found.push((percent, places));
        }
        Ok(Self(found))
    }

    /// The paths of the pages from so many percent of the list on, each with its first row.
    pub(crate) fn pages(&self, percent: u32, limit: usize) -> Result<Vec<(String, usize)>> {
        if percent == 0 {
            return Ok(vec![(path(limit, ""), 0)]);
        }
        let (_, places) = self
            .0
            .iter()
            .find(|(depth, _)| *depth == percent)
            .ok_or("nobody walked there")?;
        let pages = places.iter();
        let pages = pages.map(|place| (path(limit, &place.cursor), place.row));
        Ok(pages.collect())
    }
}

/// The path of a page of so many rows behind a cursor; of the first one without.
fn path(limit: usize, cursor: &str) -> String {
    match cursor {
        "" => format!("/v1/users?limit={limit}"),
        cursor => format!("/v1/users?limit={limit}&cursor={cursor}"),
    }
}

/// A page on the way, asked for again where the store has no time: nobody measures the walk.
async fn page(http: &reqwest::Client, system: &System, path: &str) -> Result<Value> {
    const ATTEMPTS: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(250);

    let mut attempt = 1;
    loop {
        let response = http.get(system.url(path)).send().await?;
        if !response.status().is_server_error() || attempt == ATTEMPTS {
            return Ok(response.error_for_status()?.json().await?);
        }
        attempt += 1;
        tokio::time::sleep(PAUSE).await;
    }
}
