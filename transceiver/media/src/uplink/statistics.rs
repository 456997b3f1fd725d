//! What an uplink counts. Packets lost and jitter are the receptions' ([`crate::receptions::Receptions`]).

/// Since the call began, but for the wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets whose place was given up, however it was filled.
    pub given_up: u64,
    /// Packets that came after that, or after their stream had ended; they are not heard.
    pub late: u64,
    /// Copies.
    pub twice: u64,
    /// Packets that came behind later ones by themselves, and in time.
    pub reordered: u64,
    /// Payloads that are no sound of the coding.
    pub undecodable: u64,
    /// Packets of payload types that are not heard.
    pub foreign: u64,
    /// All sound that was made.
    pub sound_ms: u64,
    /// Of it: silence of a sender that paused.
    pub pause_ms: u64,
    /// Of it: lost, and made up by the decoder.
    pub concealed_ms: u64,
    /// Of it: lost, and repeated inside the next packet (in-band FEC).
    pub fec_ms: u64,
    /// Of it: lost, and repeated beside a later packet (RED).
    pub red_ms: u64,
    /// Of it: asked for, and sent again.
    pub retransmitted_ms: u64,
    /// Sound that was not made, because there had been as much as time had passed.
    pub surplus_ms: u64,
    /// What a gap would wait now.
    pub wait_ms: u64,
}

impl Statistics {
    /// Sound that did not come when it was due, and is as it was said.
    pub const fn recovered_ms(&self) -> u64 {
        self.fec_ms + self.red_ms + self.retransmitted_ms
    }
}
