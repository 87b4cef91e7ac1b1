use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::ApiError;
use crate::moment::Moment;

/// Where a page ended.
#[derive(Serialize, Deserialize)]
pub struct Cursor {
    /// In microseconds since 2000-01-01.
    created_at: i64,
    id: Uuid,
}

impl Cursor {
    pub fn new(created_at: Moment, id: Uuid) -> Self {
        Self {
            created_at: created_at.0,
            id,
        }
    }

    pub fn place(&self) -> (Moment, Uuid) {
        (Moment(self.created_at), self.id)
    }

    pub fn encode(&self) -> Result<String, serde_json::Error> {
        Ok(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self)?))
    }

    pub fn decode(text: &str) -> Result<Self, ApiError> {
        let octets = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| ApiError::InvalidCursor)?;
        serde_json::from_slice(&octets).map_err(|_| ApiError::InvalidCursor)
    }
}
