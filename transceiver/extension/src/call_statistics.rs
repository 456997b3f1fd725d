//! A call's figures, by the labels that Python knows them by.

use antiphon_media::codec::Coding;
use antiphon_media::mos::Codec;

use crate::call::Call;

const US_A_SECOND: f64 = 1_000_000.0;
const US_A_MS: f64 = 1_000.0;

/// What is counted, what is measured, and what is not known yet.
#[derive(Clone, Copy, Debug)]
pub enum Figure {
    Count(u64),
    Measure(f64),
    Unknown,
}

impl From<Option<f64>> for Figure {
    fn from(measure: Option<f64>) -> Self {
        measure.map_or(Self::Unknown, |measure| Self::Measure(rounded(measure)))
    }
}

pub fn figures(call: &Call) -> Vec<(&'static str, Figure)> {
    let mut figures = spoken(call);
    figures.extend(heard(call));
    figures
}

fn spoken(call: &Call) -> Vec<(&'static str, Figure)> {
    let speaking = call.speaking();
    let (counts, queue) = (speaking.counts(), speaking.queue());
    vec![
        ("packets_sent", Figure::Count(counts.packets_sent)),
        ("bytes_sent", Figure::Count(counts.bytes_sent)),
        ("retransmitted", Figure::Count(counts.retransmitted)),
        ("withheld", Figure::Count(counts.withheld)),
        ("first_sent", seconds(counts.first_sent_us)),
        ("queued_ms", Figure::Count(queue.queued_ms())),
        ("flushed_ms", Figure::Count(queue.flushed_ms())),
        ("skipped_ms", Figure::Count(queue.skipped_ms())),
        ("passed_over", Figure::Count(queue.counts().passed_over)),
        ("ran_dry", Figure::Count(queue.counts().ran_dry)),
    ]
}

fn heard(call: &Call) -> Vec<(&'static str, Figure)> {
    let heard = call.heard().statistics;
    let (uplink, far_end) = (heard.uplink, heard.far_end);
    let sent = call.speaking().queue().packets();
    let codec = match call.terms.said.coding {
        Coding::Opus => Codec::OpusRepaired,
        Coding::Pcmu | Coding::Pcma => Codec::G711,
    };
    vec![
        ("packets_received", Figure::Count(heard.packets_received)),
        ("bytes_received", Figure::Count(heard.bytes_received)),
        ("surplus_packets", Figure::Count(heard.surplus_packets)),
        ("authentication_failures", Figure::Count(heard.authentication_failures)),
        ("replayed", Figure::Count(heard.replayed)),
        ("refused", Figure::Count(heard.refused + uplink.foreign)),
        ("nacked", Figure::Count(heard.nacked)),
        ("first_heard", seconds(heard.first_heard_us)),
        ("lost", Figure::Count(heard.lost.max(0).unsigned_abs())),
        ("jitter_ms", Some(milliseconds(heard.jitter_us)).into()),
        ("late", Figure::Count(uplink.late)),
        ("twice", Figure::Count(uplink.twice)),
        ("reordered", Figure::Count(uplink.reordered)),
        ("undecodable", Figure::Count(uplink.undecodable)),
        ("heard_ms", Figure::Count(uplink.sound_ms)),
        ("pause_ms", Figure::Count(uplink.pause_ms)),
        ("concealed_ms", Figure::Count(uplink.concealed_ms)),
        ("recovered_ms", Figure::Count(uplink.recovered_ms())),
        ("surplus_ms", Figure::Count(uplink.surplus_ms)),
        ("wait_ms", Figure::Count(uplink.wait_ms)),
        ("rtt_ms", heard.rtt_ms().into()),
        ("remote_lost", Figure::Count(far_end.lost().max(0).unsigned_abs().into())),
        ("mos", heard.mos(codec).into()),
        ("remote_mos", heard.remote_mos(codec, call.terms.said.coding.clock_rate(), sent).into()),
    ]
}

/// Of the monotonic clock, unrounded: it is compared with others of it.
#[expect(clippy::cast_precision_loss, reason = "a clock that has run for 285 years")]
fn seconds(us: Option<u64>) -> Figure {
    us.map_or(Figure::Unknown, |us| Figure::Measure(us as f64 / US_A_SECOND))
}

#[expect(clippy::cast_precision_loss, reason = "less than 285 years")]
fn milliseconds(us: u64) -> f64 {
    us as f64 / US_A_MS
}

fn rounded(measure: f64) -> f64 {
    (measure * 1000.0).round() / 1000.0
}
