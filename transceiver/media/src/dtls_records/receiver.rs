//! The receiving side.

use std::fmt;

use super::cipher::Cipher;
use super::key_expansion::Session;
use super::record::{EPOCH, Header, LONGEST_PAYLOAD, SEQUENCE_END, VERSION, content};
use super::state::{BadState, ReceiverState};

/// Records of one datagram that are looked at. After the handshake there is one in each, as a rule.
pub const MOST_RECORDS: usize = 16;
/// Alert level fatal, and alert `close_notify` (RFC 5246 §7.2).
const FATAL: u8 = 2;
const CLOSE_NOTIFY: u8 = 0;
/// Message types (RFC 5246 §7.4), and bytes of a message's header (RFC 6347 §4.2.2).
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const FINISHED: u8 = 20;
const HANDSHAKE_HEADER: usize = 12;

/// What an authentic record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unprotected {
    Application(Vec<u8>),
    /// The peer sends nothing more; nor is anything of it taken.
    CloseNotify,
    /// The peer has broken the connection off, for the reason of this number (RFC 5246 §7.2).
    Broken(u8),
    /// The peer says Finished again: it has not heard ours, and the flight with it has to be sent again (RFC 6347
    /// §4.2.4).
    Finished,
    /// The peer asks for another handshake.
    Renegotiation,
}

/// Records that were not let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// No records of DTLS 1.2, cut off, or more than [`MOST_RECORDS`] in a datagram; counted once for a datagram.
    pub malformed: u64,
    /// Of the handshake, warnings, and what comes after the end.
    pub unwanted: u64,
    pub unauthenticated: u64,
    /// Received before, or too old to know.
    pub replayed: u64,
}

/// The window moves by authentic records only.
pub struct Receiver {
    cipher: Cipher,
    window: ReceiverState,
    has_ended: bool,
    counters: Counters,
}

impl Receiver {
    /// Goes on after the handshake, or after another owner of the same session. After the handshake `state` is the
    /// default: what its owner received with these keys is let in once more.
    pub fn new(session: &Session, state: ReceiverState) -> Result<Self, BadState> {
        if state.next_sequence > SEQUENCE_END {
            return Err(BadState::SequenceOutOfRange);
        }
        let cipher = Cipher::new(session.suite(), &session.theirs()).ok_or(BadState::SequenceOutOfRange)?;
        Ok(Self { cipher, window: state, has_ended: false, counters: Counters::default() })
    }

    pub fn state(&self) -> ReceiverState {
        self.window
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What the records of a datagram say, in their order.
    pub fn unprotect(&mut self, datagram: &[u8]) -> Vec<Unprotected> {
        let mut said = Vec::new();
        let mut rest = datagram;
        for _ in 0..MOST_RECORDS {
            let Some((header, fragment, after)) = split(rest) else { break };
            said.extend(self.take(header, fragment));
            rest = after;
            if rest.is_empty() {
                return said;
            }
        }
        self.counters.malformed += 1;
        said
    }

    fn take(&mut self, header: Header, fragment: &[u8]) -> Option<Unprotected> {
        let is_wanted = matches!(header.content, content::APPLICATION_DATA | content::ALERT | content::HANDSHAKE);
        if !is_wanted || header.epoch != EPOCH || self.has_ended {
            self.counters.unwanted += 1;
            return None;
        }
        if !self.window.admits(header.sequence) {
            self.counters.replayed += 1;
            return None;
        }
        let Some(payload) = self.cipher.opened(header, fragment) else {
            self.counters.unauthenticated += 1;
            return None;
        };
        self.window.record(header.sequence);
        let said = match (header.content, payload.as_slice()) {
            (content::APPLICATION_DATA, _) => Some(Unprotected::Application(payload)),
            (content::HANDSHAKE, message) => said_by_handshake(message),
            (_, &[_, CLOSE_NOTIFY]) => Some(Unprotected::CloseNotify),
            (_, &[FATAL, reason]) => Some(Unprotected::Broken(reason)),
            _ => None,
        };
        self.has_ended = matches!(said, Some(Unprotected::CloseNotify | Unprotected::Broken(_)));
        self.counters.unwanted += u64::from(said.is_none());
        said
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Receiver").field("window", &self.window).finish_non_exhaustive()
    }
}

/// Of a message in fragments the first one speaks for all.
fn said_by_handshake(message: &[u8]) -> Option<Unprotected> {
    match message.first_chunk::<HANDSHAKE_HEADER>()? {
        [FINISHED, _, _, _, _, _, 0, 0, 0, ..] => Some(Unprotected::Finished),
        [HELLO_REQUEST | CLIENT_HELLO, _, _, _, _, _, 0, 0, 0, ..] => Some(Unprotected::Renegotiation),
        _ => None,
    }
}

/// The first record, and what follows it.
fn split(datagram: &[u8]) -> Option<(Header, &[u8], &[u8])> {
    let (header, rest) = Header::split(datagram)?;
    let (fragment, after) = rest.split_at_checked(header.length)?;
    let is_plausible = header.version == VERSION && header.length <= LONGEST_PAYLOAD + super::OVERHEAD;
    is_plausible.then_some((header, fragment, after))
}
