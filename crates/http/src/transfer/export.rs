use std::io::{self, BufWriter};
use std::sync::Arc;

use roster_domain::ports::{StoreError, UserTransfer};
use roster_domain::{User, UserId};
use tokio::sync::mpsc;

use super::row_writer::RowWriter;
use super::{Format, Target};

/// How many users are read at once.
const PAGE: u32 = 1_000;

/// Why an export ended before its time. What was written so far is not kept.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store could not answer.
    #[error("the users cannot be read")]
    Store(#[from] StoreError),
    /// The file, or whoever reads the other end, takes no more.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
}

/// Writes every user that is not deleted, by id, and answers how many. One page is written
/// while the next is read. A user who is changed or created meanwhile may stand there as
/// before or as after.
pub async fn export(
    transfer: Arc<dyn UserTransfer>,
    format: Format,
    target: Target,
    mut progressed: impl FnMut(u64),
) -> Result<u64, ExportError> {
    let mut rows = RowWriter::new(format, BufWriter::with_capacity(1 << 16, target))?;
    let mut pages = Pages::after(None, transfer);
    let mut users = 0;
    while let Some(page) = pages.next().await {
        for user in page? {
            rows.write(&user)?;
            users += 1;
        }
        progressed(users);
    }
    let target = rows
        .finish()?
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    target.commit()?;
    Ok(users)
}

/// The users in pages, read ahead of whoever takes them by one.
pub struct Pages(mpsc::Receiver<Result<Vec<User>, StoreError>>);

impl Pages {
    /// Those after an id, or all.
    pub fn after(mut after: Option<UserId>, transfer: Arc<dyn UserTransfer>) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                let page = transfer.export(after, PAGE).await;
                let last = page.as_ref().is_ok_and(|users| users.len() < PAGE as usize);
                let failed = page.is_err();
                if let Ok(users) = &page {
                    after = users.last().map(|user| user.id).or(after);
                }
                if sender.send(page).await.is_err() || last || failed {
                    break;
                }
            }
        });
        Self(receiver)
    }

    /// The next one; `None` after the last, and after a failure.
    pub async fn next(&mut self) -> Option<Result<Vec<User>, StoreError>> {
        self.0.recv().await
    }
}
