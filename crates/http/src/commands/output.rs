use std::io::{ErrorKind, Write as _};

use super::Failure;

/// Writes what a command was asked for. A reader that has seen enough, such as `head`, is no failure.
pub(super) fn write(octets: &[u8]) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    match output.write_all(octets).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new("the output cannot be written", error))
        }
        _ => Ok(()),
    }
}
