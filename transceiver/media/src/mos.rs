//! How good a call sounds, estimated from the network: the E-model (ITU-T G.107) with everything that a digital call
//! without echo or noise leaves at its default.
//!
//! R = 93.2 − Id − Ie,eff, from 0 to 93.2, where
//! - 93.2 is G.107's rating with all defaults (§7.7);
//! - Id = 0.024 d + 0.11 max(0, d − 177.3), d being the mouth-to-ear delay in ms: the two lines that Cole and Rosenbluth
//!   ("Voice over IP performance monitoring", 2001) put through G.107's curve;
//! - Ie,eff = Ie + (95 − Ie) · Ppl / (Ppl + Bpl), Ppl being the loss in percent, taken as random (G.107 §7.5, `BurstR` = 1).
//!
//! MOS = 1 + 0.035 R + 7·10⁻⁶ R (R − 60) (100 − R) (G.107 Annex B), from 1 to 4.41. It is an estimate on the scale of the
//! narrow-band telephone, where undamaged Opus and undamaged G.711 are equals: it compares calls, not codecs.

/// G.107 §7.7.
const BEST_RATING: f64 = 93.2;
/// Beyond it the delay weighs more heavily, ms.
const KNEE_MS: f64 = 177.3;
/// What fills one packet, ms.
const PACKET_MS: f64 = 20.0;

/// How the codec bears loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// With in-band FEC, or with redundant packets.
    OpusRepaired,
    Opus,
    /// PCMU or PCMA, with concealment.
    G711,
}

impl Codec {
    /// Bpl, percent: where loss costs half of what it can. For Opus ggarber/rtcscore's values, as G.113 has none; its Ie is
    /// taken as 0, which that model comes within a point of at 32 kbit/s. For G.711 those of G.113 Appendix I.
    const fn robustness(self) -> f64 {
        match self {
            Self::OpusRepaired => 20.0,
            Self::Opus => 10.0,
            Self::G711 => 25.1,
        }
    }
}

/// One direction of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub codec: Codec,
    /// The share of packets that were not there in time, before any repair: 0 … 1.
    pub loss: f64,
    pub rtt_ms: f64,
    /// What the receiver holds packets back, for jitter or for a gap.
    pub buffer_ms: f64,
}

impl Line {
    /// G.107's R: 0 … 93.2; above 80 most are satisfied, below 60 nearly all are not (ITU-T G.109). What is no number, or
    /// below zero, counts as zero.
    pub fn rating(&self) -> f64 {
        let percent = 100.0 * if self.loss > 0.0 { self.loss.min(1.0) } else { 0.0 };
        let delay_ms = PACKET_MS + self.rtt_ms.max(0.0) / 2.0 + self.buffer_ms.max(0.0);
        let delay_impairment = 0.024 * delay_ms + 0.11 * (delay_ms - KNEE_MS).max(0.0);
        let loss_impairment = 95.0 * percent / (percent + self.codec.robustness());
        (BEST_RATING - delay_impairment - loss_impairment).max(0.0)
    }

    /// Mean opinion score: 1 (bad) … 4.41.
    pub fn mos(&self) -> f64 {
        let rating = self.rating();
        // Annex B's curve dips below 1 between ratings of 0 and 6.5.
        (1.0 + 0.035 * rating + 7e-6 * rating * (rating - 60.0) * (100.0 - rating)).max(1.0)
    }
}
