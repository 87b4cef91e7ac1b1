//! What clients have already: the tags of their answers, and users whose answers are long.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::Result;
use crate::requests::Request;
use crate::stand::Stand;
use crate::system::System;
use crate::workload::Workload;

/// The tags that a client has.
#[derive(Default)]
pub(crate) struct Tags {
    users: HashMap<Uuid, String>,
    /// Of the first page.
    page: String,
}

impl Tags {
    /// The tags that a service gives these users and the first page.
    pub(crate) async fn of(system: &System, ids: &[Uuid]) -> Result<Self> {
        let http = system.client()?;
        let tag = async |path: String| -> Result<String> {
            let response = http.get(system.url(&path)).send().await?;
            let tag = response.headers().get("etag").ok_or("no ETag")?;
            Ok(tag.to_str()?.to_owned())
        };
        let mut tags = Self {
            page: tag(Workload::first_page()).await?,
            ..Self::default()
        };
        for id in ids {
            tags.users
                .insert(*id, tag(format!("/v1/users/{id}")).await?);
        }
        Ok(tags)
    }

    /// One user, by a client that has it.
    pub(crate) fn user(&self, id: Uuid) -> Request {
        Request {
            header: self
                .users
                .get(&id)
                .map(|tag| format!("If-None-Match: {tag}")),
            ..Request::user(id)
        }
    }

    /// The first page, by a client that has it.
    pub(crate) fn first_page(&self) -> Request {
        Request {
            header: Some(format!("If-None-Match: {}", self.page)),
            ..Request::get(Workload::first_page())
        }
    }
}

/// Users with so many octets of metadata beside their own; in no list, because they are inactive.
#[derive(Default)]
pub(crate) struct LongUsers(HashMap<usize, Vec<Uuid>>);

impl LongUsers {
    const EACH: usize = 16;
    /// Octets of the object that the text stands in.
    const AROUND: usize = r#"{"long":""}"#.len();

    /// Has a service write the metadata.
    pub(crate) async fn make(system: &System, stand: &Stand, sizes: &[usize]) -> Result<Self> {
        let ids = stand.inactive(Self::EACH * sizes.len()).await?;
        let mut made = Self::default();
        for (octets, ids) in sizes.iter().zip(ids.chunks(Self::EACH)) {
            let text = "x".repeat(octets.saturating_sub(Self::AROUND));
            set(system, ids, &Value::from(text)).await?;
            made.0.insert(*octets, ids.to_vec());
        }
        Ok(made)
    }

    /// Those with so many octets.
    pub(crate) fn of(&self, octets: usize) -> Vec<Uuid> {
        self.0.get(&octets).cloned().unwrap_or_default()
    }

    /// Leaves the users as they were.
    pub(crate) async fn undo(self, system: &System) -> Result<()> {
        for ids in self.0.values() {
            set(system, ids, &Value::Null).await?;
        }
        Ok(())
    }
}

async fn set(system: &System, ids: &[Uuid], text: &Value) -> Result<()> {
    let http = system.client()?;
    for id in ids {
        let path = system.url(&format!("/v1/users/{id}"));
        let request = http
            .patch(path)
            .header("Content-Type", "application/merge-patch+json");
        let body = json!({ "metadata": { "long": text } }).to_string();
        request.body(body).send().await?.error_for_status()?;
    }
    Ok(())
}
