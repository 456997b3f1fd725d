//! What became of what a backend said.

/// What became of the sound, in samples, and what went wrong; since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DownlinkCounts {
    pub given: u64,
    pub sent: u64,
    pub flushed: u64,
    /// Live sound that had piled up.
    pub skipped: u64,
    /// Slots that live sound waited for, to be encoded in time.
    pub passed_over: u64,
    /// Encoded to fill frames: fades and silence.
    pub padded: u64,
    /// Times that a sound stopped before its end was known.
    pub ran_dry: u64,
    /// Frames that the encoder refused: a pause of their length was heard.
    pub unencodable: u64,
}
