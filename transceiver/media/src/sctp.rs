//! SCTP for data channels (RFC 9260 by way of RFC 8831), as a value that one process exports and another goes on from.
//!
//! [`Association`] holds no socket and no clock: packets and `now_us` in, packets, events and a deadline out. Its peer has
//! passed DTLS and is hostile all the same: a packet is well-formed to its last parameter before anything is done with
//! it, everything held has a bound in [`Config`] or beside its type, and no chunk costs more than what is held.
//!
//! # Another owner
//!
//! [`Association::state`] is a few numbers, what the peer has not acknowledged, and what was received behind a gap.
//! [`Association::resume`] goes on from it in two ways.
//!
//! *Planned* ([`AssociationState::unchanged`]): the exporting owner did nothing after the export. Nothing is lost and
//! nothing comes twice; what was in flight goes again, under its own TSNs.
//!
//! *After a crash* ([`AssociationState::advanced_by`]): the export is old, and the dead owner has sent and received since.
//! It has to be fenced, and to have used no more than the given number of TSNs. Then:
//!
//! - **What we send.** The same TSN with other content would be taken for a copy, or worse be put together with a half
//!   message of the dead owner's. So a fragment has its TSN from the moment it is queued, which makes whatever the export
//!   holds safe to send again; and TSNs and stream sequence numbers that the dead owner may have used are leapt over and
//!   given up by FORWARD TSN (RFC 3758), which every browser's stack takes. The peer hears all that the export knew of,
//!   once; of what was said after the export it hears what had reached it. A peer without RFC 3758 cannot be told:
//!   [`BadState::NoPartialReliability`].
//! - **What we receive.** The peer takes for acknowledged what the dead owner received, and will not send it again; it
//!   ignores our SACKs, which tell of less (RFC 9260 §6.2.1). If it sends the TSN that we expect, nothing was missed. If
//!   another one, nobody can know yet whether those between are lost or were received; so nothing is delivered or
//!   acknowledged until the peer's timer has run out. It then sends first what lies next to all that it takes for
//!   acknowledged (RFC 9260 §6.3.3, E3). That costs its retransmission timeout, once; [`Event::CaughtUp`] says that the
//!   dead owner had received something, and how much. A message of which it had the beginning is left out, never cut.
//!   Were the peer to answer a timeout with several packets, and the first of them were lost twice, those in it would be
//!   counted as received: told, not delivered.
//! - **What cannot be told apart** ends the association ([`Ended::Irrecoverable`], with an ABORT) and is not guessed: a
//!   gap that nobody fills within 15 s, as when the dead owner had acknowledged behind a gap that it held, as long as
//!   there may be such a one: 4096 TSNs, or the first that comes two minutes later; an acknowledgement beyond the leap.
//! - **Resets** (RFC 6525) are numbered too: the peer's next number is believed, ours is counted up until it is taken.
//!
//! Packets must not come twice from below, which DTLS sees to; its own old export lets in again what was received since,
//! if somebody sends it again, and then a message may come twice to one who was told of a crash.
//!
//! # What is simple here
//!
//! Fragments are put together in TSN order, so a gap holds up every stream and not its own alone; whole unordered
//! messages pass it. In return nothing is kept for a stream and no message of two can be mixed up. A peer that begins
//! anew while the association is up is not followed, and an end in order is only the peer's to begin. Left out: I-DATA
//! (RFC 8260), zero checksums, path MTU discovery, several paths.

mod acknowledgement;
mod assembly;
mod association;
mod certainty;
mod checksum;
mod chunk;
mod config;
mod congestion;
mod cookie;
mod data;
mod event;
mod forward_tsn;
mod gaps;
mod inbound;
mod init;
mod leaps;
mod outbound;
mod outgoing;
mod packet;
mod parameter;
mod reconfiguration;
mod resets;
mod round_trip;
mod sack;
mod state;
mod tsn;
mod writer;

pub use assembly::{Assembly, Message};
pub use association::{Association, LONGEST_COOKIE, MOST_STREAMS, Unsendable};
pub use chunk::{Chunk, kind};
pub use config::{Config, Secrets};
pub use data::{Data, Fragment};
pub use event::{Counters, Ended, Event};
pub use forward_tsn::{ForwardTsn, Skipped};
pub use inbound::{Held, MOST_AHEAD, OVERHEAD};
pub use init::{Extensions, Hello, Init};
pub use outbound::Outlet;
pub use outgoing::Reliability;
pub use packet::{COMMON_HEADER, MOST_CHUNKS, MOST_CONTROL_CHUNKS, Malformed, Packet};
pub use parameter::{IfUnknown, Parameter, Parameters};
pub use reconfiguration::{Outcome, Reconfiguration, Step};
pub use resets::{Deferred, ResetState};
pub use sack::{Received, Sack};
pub use state::{AssociationState, BadState, Inheritance, LONGEST_LEAP, LeapState, OutgoingState, Standing};
pub use writer::{Address, Writer};
