//! INIT, INIT ACK, COOKIE ECHO, COOKIE ACK (RFC 9260 §5).
//!
//! Both `WebRTC` peers begin at once. An association has one tag and one initial TSN for all its life, so whatever order
//! the chunks come in, both sides end up with the same two tags (RFC 9260 §5.2.1, §5.2.4 actions B and D). A peer that
//! begins anew while the association is up (action A) is not followed: below DTLS it would be a new connection.

use super::super::chunk::{cause, kind};
use super::super::cookie::{self, Peer, Refused};
use super::super::event::Event;
use super::super::inbound::Inbound;
use super::super::init::{self, Init};
use super::super::resets::Resets;
use super::super::writer::{Address, Writer, append_chunk, append_parameter};
use super::{Association, HEARTBEAT_US, Insistence, Phase};

/// Bytes of a peer's state cookie: with its header it has to fit into a packet.
pub const LONGEST_COOKIE: usize = 1024;
/// Whole packets that wait; more are not answered.
const MOST_PACKETS: usize = 4;

impl Association {
    pub(super) fn begin(&mut self) {
        self.phase = Phase::CookieWait;
        self.remote_tag = 0;
        self.insist(init::written(&self.hello(), None, &[]));
    }

    /// In every phase the answer is the same, and nothing is kept of the question.
    pub(super) fn take_init(&mut self, now_us: u64, init: &Init<'_>) {
        if self.phase.is_up() && init.hello.tag != self.remote_tag {
            self.counters.unexpected_chunks += 1;
            return;
        }
        let peer = Peer { hello: init.hello, extensions: init.extensions() };
        let cookie = cookie::minted(&self.secrets.cookie_key, now_us, &peer);
        let answer = init::written(&self.hello(), Some(&cookie), &init.unrecognized());
        self.stand_alone(init.hello.tag, &answer);
    }

    pub(super) fn take_init_ack(&mut self, init: &Init<'_>) {
        let cookie = init.cookie().filter(|cookie| cookie.len() <= LONGEST_COOKIE);
        let Some(cookie) = cookie.filter(|_| self.phase == Phase::CookieWait) else {
            self.counters.unexpected_chunks += 1;
            return;
        };
        self.greet(&Peer { hello: init.hello, extensions: init.extensions() });
        self.phase = Phase::CookieEchoed;
        let mut chunk = Vec::new();
        append_chunk(&mut chunk, kind::COOKIE_ECHO, 0, |body| body.extend(cookie));
        self.insist(chunk);
    }

    pub(super) fn take_cookie_echo(&mut self, now_us: u64, cookie: &[u8]) {
        if self.phase.is_up() {
            // Our COOKIE ACK was lost. The tag was right, and an heir has no key to look at the cookie with.
            self.say(kind::COOKIE_ACK, |_| {});
            return;
        }
        match cookie::opened(&self.secrets.cookie_key, now_us, cookie) {
            Ok(peer) => {
                if self.phase != Phase::CookieEchoed || peer.hello.tag != self.remote_tag {
                    self.greet(&peer);
                }
                self.say(kind::COOKIE_ACK, |_| {});
                self.establish(now_us);
            }
            Err(Refused::Forged) => self.counters.unexpected_chunks += 1,
            Err(Refused::Stale { tag, late_us }) => {
                let late = u32::try_from(late_us).unwrap_or(u32::MAX).to_be_bytes();
                let mut chunk = Vec::new();
                append_chunk(&mut chunk, kind::ERROR, 0, |body| append_parameter(body, cause::STALE_COOKIE, &late));
                self.stand_alone(tag, &chunk);
            }
        }
    }

    pub(super) fn take_cookie_ack(&mut self, now_us: u64) {
        if self.phase == Phase::CookieEchoed {
            self.establish(now_us);
        }
    }

    /// Our cookie was too old when it came back: a new one is asked for (RFC 9260 §5.2.6).
    pub(super) fn take_stale_cookie(&mut self) {
        if self.phase == Phase::CookieEchoed {
            self.begin();
        }
    }

    /// Sends a packet of one chunk as soon as possible.
    pub(super) fn stand_alone(&mut self, tag: u32, chunk: &[u8]) {
        if self.packets.len() < MOST_PACKETS {
            let mut writer = Writer::new(self.address(tag), self.config.longest_packet());
            if writer.chunks(chunk) {
                self.packets.push_back(writer.finish());
            }
        }
    }

    pub(super) fn address(&self, tag: u32) -> Address {
        Address { source_port: self.config.local_port, destination_port: self.config.remote_port, tag }
    }

    pub(super) fn insist(&mut self, chunk: Vec<u8>) {
        self.insistence = Some(Insistence { chunk, tries: 0, deadline_us: None });
    }

    fn greet(&mut self, peer: &Peer) {
        self.remote_tag = peer.hello.tag;
        self.remote_streams = peer.hello.inbound_streams;
        self.extensions = peer.extensions;
        let initial_tsn = peer.hello.initial_tsn;
        self.inbound = Inbound::new(initial_tsn, self.config.inbound_bounds());
        self.outbound.greet(peer.hello.window, peer.extensions.partial_reliability);
        self.resets = Resets::new(self.secrets.initial_tsn, initial_tsn);
    }

    fn establish(&mut self, now_us: u64) {
        self.phase = Phase::Established;
        self.insistence = None;
        self.errors = 0;
        self.heartbeat_us = Some(now_us.saturating_add(HEARTBEAT_US));
        self.events.push_back(Event::Established);
    }
}
