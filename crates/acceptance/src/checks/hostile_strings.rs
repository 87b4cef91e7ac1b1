use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::Stage;
use crate::Result;
use crate::client::Answer;
use crate::report::Report;

const STRINGS: &str = include_str!("../../data/blns.json");

#[derive(Default)]
struct Tally {
    kept: usize,
    refused: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// A write that must keep the string or be refused with a problem.
    fn write(&mut self, what: &str, string: &str, answer: &Answer, kept: bool) {
        if answer.status.is_success() && kept {
            self.kept += 1;
        } else if answer.is_problem() {
            self.refused += 1;
        } else {
            self.wrong
                .push(format!("{what} {string:?}: {}", answer.status));
        }
    }

    fn seen(&self) -> String {
        let shown: Vec<_> = self.wrong.iter().take(3).collect();
        format!(
            "{} kept, {} refused with a problem, {} wrong {shown:?}",
            self.kept,
            self.refused,
            self.wrong.len()
        )
    }
}

/// Each naughty string as a name, a metadata value, a query parameter and a path segment.
pub(super) async fn run(stage: &Stage<'_>, report: &mut Report) -> Result<()> {
    let strings: Vec<String> = serde_json::from_str(STRINGS)?;
    let [mut names, mut values, mut queries, mut paths] = [(); 4].map(|()| Tally::default());
    let body = json!({ "email": "hostile-strings@example.com", "name": "Somebody" });
    let created = stage.client.create("/v1/users", &body).await?;
    let user = format!("/v1/users/{}", created.body["id"].as_str().ok_or("no id")?);
    for (n, string) in strings.iter().enumerate() {
        let body = json!({ "email": format!("hostile-{n}@example.com"), "name": string });
        let answer = stage.client.create("/v1/users", &body).await?;
        let read = stage.client.get(answer.header("location")).await?;
        names.write("name", string, &answer, read.body["name"] == *string);

        let answer = stage
            .client
            .patch(&user, &json!({ "metadata": { "value": string } }))
            .await?;
        let read = stage.client.get(&user).await?;
        values.write(
            "metadata",
            string,
            &answer,
            read.body["metadata"]["value"] == *string,
        );

        let encoded = utf8_percent_encode(string, NON_ALPHANUMERIC).to_string();
        for parameter in ["cursor", "limit", "active", "consistency"] {
            let path = if parameter == "consistency" {
                &*user
            } else {
                "/v1/users"
            };
            let answer = stage
                .client
                .get(&format!("{path}?{parameter}={encoded}"))
                .await?;
            // "1" and its like are limits.
            queries.write(parameter, string, &answer, true);
        }
        let answer = stage.client.get(&format!("/v1/users/{encoded}")).await?;
        paths.write("path", string, &answer, encoded.is_empty());
    }
    for (name, tally) in [
        ("name", names),
        ("metadata value", values),
        ("query parameter", queries),
        ("path segment", paths),
    ] {
        report.check(
            &format!("naughty strings as {name}"),
            tally.wrong.is_empty(),
            tally.seen(),
        );
    }
    Ok(())
}
