use std::fmt;

use roster_domain::Invalid;
use serde::Serialize;

use crate::problem::FieldError;

/// A row that was not taken, and everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The line that it begins on, counted from 1.
    pub line: u64,
    /// What is wrong, by member; an empty pointer means the row as a whole.
    pub errors: Vec<FieldError>,
}

impl Rejection {
    /// A row with one thing wrong about it.
    pub(super) fn new(line: u64, pointer: &str, code: &'static str, detail: &'static str) -> Self {
        let errors = vec![FieldError::new(pointer, Invalid::new(code, detail))];
        Self { line, errors }
    }
}

impl fmt::Display for Rejection {
    /// One line for people; never a value out of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}:", self.line)?;
        for (index, error) in self.errors.iter().enumerate() {
            let (comma, space) = (
                if index > 0 { ";" } else { "" },
                if error.pointer.is_empty() { "" } else { " " },
            );
            write!(
                f,
                "{comma}{space}{} {} ({})",
                error.pointer, error.detail, error.code
            )?;
        }
        Ok(())
    }
}
