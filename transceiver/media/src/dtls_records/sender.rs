//! The sending side.

use std::fmt;

use super::cipher::Cipher;
use super::key_expansion::{Session, WrongLength};
use super::record::{LONGEST_PAYLOAD, SEQUENCE_END, content};
use super::state::{AdvancedState, BadState, SenderState};

/// A warning (1) that says `close_notify` (0) (RFC 5246 §7.2.1).
const CLOSE_NOTIFY: [u8; 2] = [1, 0];
/// A warning that says `no_renegotiation` (100) (RFC 5246 §7.2.2).
const NO_RENEGOTIATION: [u8; 2] = [1, 100];

/// Why there is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsendable {
    /// The payload is longer than [`LONGEST_PAYLOAD`].
    TooLong,
    SequenceExhausted,
}

/// Not `Clone`: two of them would use each sequence number twice.
pub struct Sender {
    cipher: Cipher,
    next_sequence: u64,
}

impl Sender {
    /// Goes on after the handshake, whose owner has sent records with the keys: `next_sequence` lies beyond them. Its
    /// Finished had number zero; in fragments, or sent again, it had more.
    pub fn new(session: &Session, next_sequence: u64) -> Result<Self, BadState> {
        if next_sequence == 0 || next_sequence > SEQUENCE_END {
            return Err(BadState::SequenceOutOfRange);
        }
        Self::with_next(session, next_sequence).map_err(|WrongLength| BadState::SequenceOutOfRange)
    }

    /// Goes on after another owner of the same session.
    #[expect(clippy::needless_pass_by_value, reason = "one owner only may go on from one export")]
    pub fn resume(session: &Session, state: AdvancedState) -> Result<Self, BadState> {
        Self::new(session, state.0.next_sequence)
    }

    pub fn state(&self) -> SenderState {
        SenderState { next_sequence: self.next_sequence }
    }

    /// A datagram of one record of application data, [`super::OVERHEAD`] longer at most.
    pub fn protect(&mut self, payload: &[u8]) -> Result<Vec<u8>, Unsendable> {
        self.record(content::APPLICATION_DATA, payload)
    }

    /// A datagram that says that nothing more comes.
    pub fn close_notify(&mut self) -> Result<Vec<u8>, Unsendable> {
        self.record(content::ALERT, &CLOSE_NOTIFY)
    }

    /// A datagram that answers [`super::Unprotected::Renegotiation`].
    pub fn no_renegotiation(&mut self) -> Result<Vec<u8>, Unsendable> {
        self.record(content::ALERT, &NO_RENEGOTIATION)
    }

    fn with_next(session: &Session, next_sequence: u64) -> Result<Self, WrongLength> {
        let cipher = Cipher::new(session.suite(), &session.ours()).ok_or(WrongLength)?;
        Ok(Self { cipher, next_sequence })
    }

    fn record(&mut self, content: u8, payload: &[u8]) -> Result<Vec<u8>, Unsendable> {
        if payload.len() > LONGEST_PAYLOAD {
            return Err(Unsendable::TooLong);
        }
        if self.next_sequence >= SEQUENCE_END {
            return Err(Unsendable::SequenceExhausted);
        }
        let sequence = self.next_sequence;
        self.next_sequence = sequence + 1;
        self.cipher.sealed(content, sequence, payload).ok_or(Unsendable::TooLong)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sender").field("next_sequence", &self.next_sequence).finish_non_exhaustive()
    }
}
