//! An association as a value: out of one owner and into the next.

use super::super::certainty::Certainty;
use super::super::config::{Config, Secrets};
use super::super::inbound::Inbound;
use super::super::leaps::{MOST_LEAPT, pass_also};
use super::super::outbound::Outbound;
use super::super::outgoing::{Content, Fate, Outgoing, Reliability};
use super::super::resets::Resets;
use super::super::state::{AssociationState, BadState, Inheritance, LeapState, OutgoingState, Standing};
use super::super::tsn::{place, place_of_first};
use super::{Association, HEARTBEAT_US, MOST_STREAMS, Phase, SackDue};

/// Leaps that the peer has not acknowledged, with messages between them: one for each owner or new stream.
const MOST_LEAPS: usize = 8 + MOST_STREAMS;

impl Association {
    /// Where it stands; `None` if it is not established, or if events wait that would get lost.
    pub fn state(&self, now_us: u64) -> Option<AssociationState> {
        let is_told = self.events.is_empty() && !self.inbound.has_events();
        if self.phase != Phase::Established || !is_told {
            return None;
        }
        Some(AssociationState {
            local_tag: self.secrets.tag,
            remote_tag: self.remote_tag,
            remote_streams: self.remote_streams,
            extensions: self.extensions,
            acknowledged_tsn: self.outbound.acknowledged as u32,
            peer_window: u32::try_from(self.outbound.peer_window + self.outbound.flight).unwrap_or(u32::MAX),
            streams: self.outbound.streams().iter().map(|(&stream, &next)| (stream, next)).collect(),
            first_sequence: self.outbound.first_sequence,
            outgoing: self.outbound.queue.iter().filter_map(|entry| exported(now_us, entry)).collect(),
            leaps: exported_leaps(&self.outbound),
            received_tsn: self.inbound.cumulative() as u32,
            standing: self.inbound.standing(),
            held: self.inbound.held().map(|(place, held)| (place as u32, held.clone())).collect(),
            assembly: self.inbound.assembly().clone(),
            resets: self.resets.state(),
        })
    }

    /// Goes on after another owner. Of `random` only the cookie's key is used, which nobody asks for any more.
    pub fn resume(now_us: u64, config: Config, random: Secrets, inherited: Inheritance) -> Result<Self, BadState> {
        let Inheritance { mut state, leap } = inherited;
        within(state.local_tag != 0 && state.remote_tag != 0)?;
        let mut association = Self::new(config, Secrets { tag: state.local_tag, ..random });
        association.phase = Phase::Established;
        association.remote_tag = state.remote_tag;
        association.remote_streams = state.remote_streams;
        association.extensions = state.extensions;
        association.heartbeat_us = Some(now_us.saturating_add(HEARTBEAT_US));
        association.is_heir = leap.is_some();
        association.outbound = outbound(now_us, &config, &state, leap)?;
        association.inbound = inbound(now_us, &config, &state, leap.is_some())?;
        if leap.is_some() {
            state.resets.expected = None;
            state.resets.is_next_sure = false;
        }
        association.resets = Resets::resume(state.resets);
        // The peer hears at once that somebody is there.
        association.sack = SackDue::Now;
        Ok(association)
    }
}

fn exported(now_us: u64, entry: &Outgoing) -> Option<OutgoingState> {
    let reliability = match entry.reliability {
        Reliability::Until(end_us) => Reliability::Until(end_us.saturating_sub(now_us)),
        other => other,
    };
    Some(OutgoingState {
        fragment: entry.fragment()?.clone(),
        reliability,
        transmissions: entry.transmissions,
        is_acknowledged: entry.fate == Fate::Acknowledged,
        is_abandoned: entry.fate == Fate::Abandoned,
    })
}

fn exported_leaps(outbound: &Outbound) -> Vec<LeapState> {
    let mut before = 0;
    let mut leaps: Vec<LeapState> = Vec::new();
    for entry in &outbound.queue {
        match &entry.content {
            Content::Fragment(_) => before += 1,
            Content::Leap { count, streams } => match leaps.last_mut().filter(|leap| leap.before == before) {
                Some(leap) => {
                    leap.count += *count as u32;
                    pass_also(&mut leap.streams, streams);
                }
                None => leaps.push(LeapState { before, count: *count as u32, streams: streams.clone() }),
            },
        }
    }
    leaps
}

fn outbound(now_us: u64, config: &Config, state: &AssociationState, leap: Option<u32>) -> Result<Outbound, BadState> {
    within(state.leaps.len() <= MOST_LEAPS && state.streams.len() <= MOST_STREAMS)?;
    within(state.first_sequence <= MOST_LEAPT)?;
    let first = state.acknowledged_tsn.wrapping_add(1);
    let mut outbound = Outbound::new(first, config.longest_packet(), config.largest_backlog);
    outbound.greet(state.peer_window, state.extensions.partial_reliability);
    let mut leaps = state.leaps.iter().peekable();
    for (number, outgoing) in state.outgoing.iter().enumerate() {
        while let Some(leap) = leaps.next_if(|leap| leap.before <= number) {
            leap_again(&mut outbound, leap)?;
        }
        queue_again(now_us, &mut outbound, outgoing)?;
    }
    for leap in leaps {
        leap_again(&mut outbound, leap)?;
    }
    for &(stream, next) in &state.streams {
        outbound.set_sequence(stream, next);
    }
    outbound.first_sequence = state.first_sequence;
    if let Some(count) = leap {
        leap_over(&mut outbound, count)?;
    }
    outbound.go_on();
    Ok(outbound)
}

fn queue_again(now_us: u64, outbound: &mut Outbound, state: &OutgoingState) -> Result<(), BadState> {
    let length = state.fragment.payload.len();
    // Shorter packets than the exporting owner's could not hold it.
    within(length <= outbound.longest_fragment() && (length == 0) == state.is_abandoned)?;
    let reliability = match state.reliability {
        Reliability::Until(left_us) => Reliability::Until(now_us.saturating_add(left_us)),
        other => other,
    };
    let fate = match state {
        OutgoingState { is_abandoned: true, .. } => Fate::Abandoned,
        OutgoingState { is_acknowledged: true, .. } => Fate::Acknowledged,
        _ => Fate::Lost,
    };
    let content = Content::Fragment(state.fragment.clone());
    let mut outgoing = Outgoing::new(outbound.next(), content, reliability, fate);
    outgoing.transmissions = state.transmissions;
    within(outbound.append_again(outgoing))
}

fn leap_again(outbound: &mut Outbound, leap: &LeapState) -> Result<(), BadState> {
    let count = u64::from(leap.count);
    within(count > 0 && outbound.leapt() + count <= MOST_LEAPT.into() && leap.streams.len() <= MOST_STREAMS)?;
    outbound.leap(count, &leap.streams);
    Ok(())
}

/// Passes the TSNs and the sequence numbers that may have been used since the export.
fn leap_over(outbound: &mut Outbound, count: u32) -> Result<(), BadState> {
    let passed: Vec<(u16, u16)> =
        outbound.streams().iter().map(|(&stream, next)| (stream, next.wrapping_add(count as u16))).collect();
    for &(stream, next) in &passed {
        outbound.set_sequence(stream, next);
    }
    // More than that no chain of owners can have said on a stream that none of their exports names.
    outbound.first_sequence = outbound.first_sequence.saturating_add(count as u16).min(MOST_LEAPT);
    let streams = passed.into_iter().map(|(stream, next)| (stream, next.wrapping_sub(1))).collect();
    leap_again(outbound, &LeapState { before: 0, count, streams })
}

fn inbound(now_us: u64, config: &Config, state: &AssociationState, is_old: bool) -> Result<Inbound, BadState> {
    let standing = if is_old { Standing::Behind } else { state.standing };
    let cumulative = place_of_first(state.received_tsn);
    let certainty = Certainty::resume(now_us, standing, cumulative);
    let mut inbound = Inbound::resume(cumulative, state.assembly.clone(), certainty, config.inbound_bounds());
    for (tsn, held) in &state.held {
        within(inbound.hold_again(place(cumulative, *tsn), held.clone()))?;
    }
    if !is_old {
        // An earlier owner's patience with a gap begins anew; it must not need another packet to begin.
        inbound.note_gap(now_us, true);
    }
    Ok(inbound)
}

fn within(is_within: bool) -> Result<(), BadState> {
    if is_within { Ok(()) } else { Err(BadState::OutOfBounds) }
}
