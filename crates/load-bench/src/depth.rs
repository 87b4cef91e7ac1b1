//! Cursors of pages deep in the list: got as a client gets them, by walking there.

use std::time::Duration;

use serde_json::Value;

use crate::Result;
use crate::stand::Stand;
use crate::system::System;

/// Cursors of one system by how deep they are.
#[derive(Default)]
pub(crate) struct Cursors(Vec<(u32, usize, String)>);

impl Cursors {
    const DEPTHS: [u32; 3] = [10, 50, 90];
    /// Rows of a page on the way.
    const STEP: usize = 200;

    /// Walks to 90 % of the list.
    pub(crate) async fn walk(system: &System, stand: &Stand) -> Result<Self> {
        let http = system.client()?;
        let mut found = Vec::new();
        let mut path = format!("/v1/users?limit={}", Self::STEP);
        let mut row = 0;
        for percent in Self::DEPTHS {
            let end = stand.ids.len() / 100 * percent as usize;
            let mut cursor = String::new();
            while row < end || cursor.is_empty() {
                let body = page(&http, system, &path).await?;
                cursor = body["next_cursor"]
                    .as_str()
                    .ok_or_else(|| format!("{}: the list ends at row {row}", system.name))?
                    .to_owned();
                row += body["items"].as_array().map_or(0, Vec::len);
                path = format!("/v1/users?limit={}&cursor={cursor}", Self::STEP);
            }
            found.push((percent, row, cursor));
        }
        Ok(Self(found))
    }

    /// The path of the page at so many percent of the list, and its first row.
    pub(crate) fn page(&self, percent: u32, limit: usize) -> Result<(String, usize)> {
        if percent == 0 {
            return Ok((format!("/v1/users?limit={limit}"), 0));
        }
        let (_, row, cursor) = self
            .0
            .iter()
            .find(|(depth, _, _)| *depth == percent)
            .ok_or("nobody walked there")?;
        Ok((format!("/v1/users?limit={limit}&cursor={cursor}"), *row))
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
