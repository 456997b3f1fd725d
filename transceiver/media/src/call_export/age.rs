//! How old an export is, by clocks that differ.

use super::inheritance::Uninheritable;
use super::leap::LONGEST_AGE_MS;

/// The heir's wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// How far two owners' clocks may lie apart, in milliseconds.
    pub error_ms: u64,
}

impl Clock {
    /// Milliseconds since the export: as many or fewer have passed, by twice the error at most.
    ///
    /// The upper bound it is that tells RTP's time, which must not go back: a client hears what comes with an earlier
    /// timestamp as late, and drops it; a later one is a pause a little longer.
    pub(super) fn longest_since(self, exported_at_ms: u64) -> Result<u64, Uninheritable> {
        let latest_ms = self.now_ms.saturating_add(self.error_ms);
        let age_ms = latest_ms.checked_sub(exported_at_ms).ok_or(Uninheritable::FromTheFuture)?;
        if age_ms <= LONGEST_AGE_MS { Ok(age_ms) } else { Err(Uninheritable::TooOld) }
    }
}
