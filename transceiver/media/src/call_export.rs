//! A call as a value: an established call is written down, about 1 KB, and another process goes on with it.
//!
//! What an export holds is [`CallState`]; [`Export::sealed`] encrypts it for the registry that keeps it, and
//! [`Export::opened`] reads it again. [`Export::inherit`] is the only way on from there: it leaps over every number that the
//! earlier owner may ever use ([`LEAP`]). The bytes are described in `docs/wire-formats.md`, the protocol between owners
//! in `docs/decisions/0009-calls-are-values.md`.
//!
//! # Why no nonce repeats
//!
//! SRTP, SRTCP and DTLS encrypt under nonces that are counted. A heir has to begin behind all that were used, and it cannot
//! ask a dead owner; worse, it cannot know that it is dead: a process that was stopped for a minute and goes on has not
//! noticed. So the bound is kept by the one who sends. Each export that was stored allots its owner so many numbers of each
//! kind; [`Tenure`] counts them and lets nothing out beyond them until a later export is known to be stored. A heir leaps
//! over the whole of that allotment, however young the export is. Clocks have no part in this.
//!
//! Two heirs of one export would both be right by that rule. So a heir has to *claim* the call: it stores its own first
//! export in the place of the one that it goes on from, by a compare-and-set ([`Edition`]), before it sends anything. One
//! claim succeeds, and the next heir goes on from the claim.
//!
//! Time has a part in what is possible, not in what is safe: [`LONGEST_AGE_MS`] says when a receiver may not understand a
//! heir any more.

mod age;
mod edition;
mod form;
mod inheritance;
mod leap;
mod sealed;
mod state;
mod tenure;

pub use age::Clock;
pub use edition::{Conflict, Edition, Replacement};
pub use form::{LONGEST_FORM, Malformed};
pub use inheritance::{Inheritance, InheritedRecords, InheritedSrtp, Uninheritable};
pub use leap::{LEAP, LONGEST_AGE_MS, Leap, MOST_UNHEARD_LEAPS, PACKETS_PER_SECOND};
pub use sealed::{HEADER, Header, Key, LONGEST_SEALED, Label, NONCE, TooLong, Unreadable, VERSION};
pub use state::{CallState, DataState, Export, MediaState, Origin, Snapshot, SpeechState};
pub use tenure::{Kind, Offer, Permit, Tenure};
