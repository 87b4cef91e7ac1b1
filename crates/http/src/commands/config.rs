use super::Failure;
use crate::settings::Settings;

/// Prints every setting and who set it.
pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    super::output::write(settings.effective.to_string().as_bytes())
}
