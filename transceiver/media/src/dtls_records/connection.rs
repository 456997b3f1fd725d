//! Both directions of one connection, and what another owner needs to go on with them.

use super::key_expansion::Session;
use super::receiver::{Counters, Receiver, Unprotected};
use super::sender::{Sender, Unsendable};
use super::state::{AdvancedState, BadState, ReceiverState, SenderState};

/// The records of one connection.
#[derive(Debug)]
pub struct Connection {
    session: Session,
    sender: Sender,
    receiver: Receiver,
}

/// Where a connection stands. It holds the keys.
#[derive(Clone, Debug)]
pub struct ConnectionState {
    pub session: Session,
    pub sender: SenderState,
    pub receiver: ReceiverState,
}

impl Connection {
    /// Goes on after the handshake: see [`Sender::new`].
    pub fn after_handshake(session: Session, next_sequence: u64) -> Result<Self, BadState> {
        let sender = Sender::new(&session, next_sequence)?;
        let receiver = Receiver::new(&session, ReceiverState::default())?;
        Ok(Self { session, sender, receiver })
    }

    /// Goes on after another owner of the same session.
    pub fn resume(session: Session, sender: AdvancedState, receiver: ReceiverState) -> Result<Self, BadState> {
        let sender = Sender::resume(&session, sender)?;
        let receiver = Receiver::new(&session, receiver)?;
        Ok(Self { session, sender, receiver })
    }

    pub fn state(&self) -> ConnectionState {
        ConnectionState { session: self.session.clone(), sender: self.sender.state(), receiver: self.receiver.state() }
    }

    /// What the records of a datagram say, in their order.
    pub fn unprotect(&mut self, datagram: &[u8]) -> Vec<Unprotected> {
        self.receiver.unprotect(datagram)
    }

    /// See [`Sender::protect`].
    pub fn protect(&mut self, payload: &[u8]) -> Result<Vec<u8>, Unsendable> {
        self.sender.protect(payload)
    }

    /// See [`Sender::close_notify`].
    pub fn close_notify(&mut self) -> Result<Vec<u8>, Unsendable> {
        self.sender.close_notify()
    }

    /// See [`Sender::no_renegotiation`].
    pub fn no_renegotiation(&mut self) -> Result<Vec<u8>, Unsendable> {
        self.sender.no_renegotiation()
    }

    pub fn counters(&self) -> Counters {
        self.receiver.counters()
    }
}
