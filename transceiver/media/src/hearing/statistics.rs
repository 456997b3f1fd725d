//! What is known of a call's incoming media.

use crate::far_end::FarEnd;
use crate::mos::{Codec, Line};
use crate::uplink::Statistics;

const MS: f64 = 1_000.0;

/// Since the call began, or as of the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HearingStatistics {
    /// Authentic SRTP.
    pub packets_received: u64,
    pub bytes_received: u64,
    /// Beyond 200 a second: not even authenticated.
    pub surplus_packets: u64,
    pub authentication_failures: u64,
    pub replayed: u64,
    /// Malformed, or of one SSRC too many.
    pub refused: u64,
    /// Packets that were asked for by NACK, each time that they were.
    pub nacked: u64,
    /// When the first sound could be heard.
    pub first_heard_us: Option<u64>,
    /// Below zero if more came than were due.
    pub lost: i64,
    pub jitter_us: u64,
    pub uplink: Statistics,
    pub far_end: FarEnd,
}

impl HearingStatistics {
    /// Mean opinion score of what we hear; none before the first packet.
    #[expect(clippy::cast_precision_loss, reason = "no call has 2^52 packets")]
    pub fn mos(&self, codec: Codec) -> Option<f64> {
        let given_up = self.uplink.given_up as f64;
        let due = self.packets_received as f64 + given_up;
        let line = Line {
            codec,
            loss: given_up / due,
            rtt_ms: self.rtt_ms().unwrap_or_default(),
            buffer_ms: self.uplink.wait_ms as f64,
        };
        (self.packets_received > 0).then(|| line.mos())
    }

    /// Of what they hear, by their reports; none before the first. `sent`: RTP packets of ours. How long they hold them back
    /// they do not say: it is taken for twice the jitter that they see.
    #[expect(clippy::cast_precision_loss, reason = "no call has 2^52 packets")]
    pub fn remote_mos(&self, codec: Codec, clock_rate: u32, sent: u64) -> Option<f64> {
        let line = Line {
            codec,
            loss: f64::from(self.far_end.lost().max(0)) / (sent.max(1) as f64),
            rtt_ms: self.rtt_ms().unwrap_or_default(),
            buffer_ms: 2.0 * self.far_end.jitter_us(clock_rate) as f64 / MS,
        };
        self.far_end.has_reported().then(|| line.mos())
    }

    #[expect(clippy::cast_precision_loss, reason = "no round trip takes 2^52 microseconds")]
    pub fn rtt_ms(&self) -> Option<f64> {
        self.far_end.rtt_us().map(|rtt_us| rtt_us as f64 / MS)
    }
}
