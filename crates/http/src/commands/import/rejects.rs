use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::Failure;
use crate::progress::{Progress, Step, grouped};
use crate::transfer::{ImportObserver, Rejection, Summary};

/// How many rejected rows are told to people; a program reads all of them from the file.
const SHOWN: u64 = 20;

/// Tells progress and rejected rows.
pub(super) struct Rejects {
    progress: Progress,
    octets: Option<u64>,
    file: Option<(BufWriter<File>, PathBuf)>,
    seen: u64,
}

impl Rejects {
    /// Rejected rows go to a file too, if one is named.
    pub(super) fn new(
        path: Option<&Path>,
        progress: Progress,
        octets: Option<u64>,
    ) -> Result<Self, Failure> {
        let file = path.map(|path| match File::create(path) {
            Ok(file) => Ok((BufWriter::new(file), path.to_owned())),
            Err(error) => Err(Failure::new(
                format!("{} cannot be written", path.display()),
                error,
            )),
        });
        Ok(Self {
            progress,
            octets,
            file: file.transpose()?,
            seen: 0,
        })
    }

    /// Writes what came of it.
    pub(super) fn finish(mut self, summary: &Summary, dry_run: bool) -> Result<(), Failure> {
        if let Some((file, path)) = &mut self.file {
            file.flush()
                .and_then(|()| file.get_ref().sync_all())
                .map_err(|error| {
                    Failure::new(format!("{} cannot be written", path.display()), error)
                })?;
        }
        if self.seen > SHOWN {
            let rest = grouped(self.seen - SHOWN);
            self.progress.line(&format!(
                "{rest} more rows were rejected; --rejects FILE keeps all of them"
            ));
        }
        let [read, created, updated, skipped, rejected] = [
            summary.read,
            summary.created,
            summary.updated,
            summary.skipped,
            summary.rejected,
        ]
        .map(grouped);
        let created = if dry_run {
            format!("accepted {created}")
        } else {
            format!("created {created}")
        };
        let text = format!(
            "read {read} rows: {created}, updated {updated}, skipped {skipped}, rejected {rejected}"
        );
        self.progress.finish(summary.read, &text);
        Ok(())
    }
}

impl ImportObserver for Rejects {
    fn rejected(&mut self, rejection: &Rejection) -> io::Result<()> {
        self.seen += 1;
        if self.seen <= SHOWN {
            self.progress.line(&rejection.to_string());
        }
        if let Some((file, _)) = &mut self.file {
            serde_json::to_writer(&mut *file, rejection)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    fn progressed(&mut self, octets: u64, summary: &Summary) {
        self.progress.tell(Step {
            done: summary.read,
            unit: "rows",
            way: self.octets.map(|length| (octets, length)),
        });
    }
}
