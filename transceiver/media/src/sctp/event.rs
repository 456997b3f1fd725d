//! What an association tells its owner.

use super::assembly::Message;

/// Why an association is over. Nothing is sent or taken any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// The peer said SHUTDOWN, and everything had arrived.
    ShutDown,
    /// We said ABORT, because our owner wanted it.
    Aborted,
    /// The peer said ABORT.
    AbortedByPeer,
    /// The peer did not answer.
    Unreachable,
    /// An heir of an old export cannot find out what the peer takes for acknowledged.
    Irrecoverable,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Messages can be sent and come.
    Established,
    Message(Message),
    /// The peer's streams begin anew: it has closed these channels. All of them if none is named.
    StreamsReset(Vec<u16>),
    /// Our streams have begun anew, as was asked for; or the peer cannot do that, and they go on as they were.
    ResetSettled {
        streams: Vec<u16>,
        is_performed: bool,
    },
    /// An heir of an old export knows where the peer stands. So many DATA chunks came to the earlier owner after its
    /// export, and will not come again.
    CaughtUp {
        unseen_chunks: u64,
    },
    Ended(Ended),
}

/// Since the owner began; none of them is exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub packets_received: u64,
    pub packets_sent: u64,
    /// Packets that were not looked at: malformed, with a wrong checksum, of other ports.
    pub malformed_packets: u64,
    /// Packets with a wrong verification tag.
    pub foreign_packets: u64,
    /// Chunks that this state or this peer may not send.
    pub unexpected_chunks: u64,
    pub duplicate_chunks: u64,
    /// DATA chunks for which there was no room.
    pub dropped_chunks: u64,
    pub retransmission_timeouts: u64,
    /// Messages that began or ended and were not delivered: too long, or skipped by their sender.
    pub lost_messages: u64,
}
