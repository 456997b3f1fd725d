//! What is counted, as closed enums: their labels are the metrics' labels.

macro_rules! closed_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $label:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            pub const ALL: [Self; [$($label),+].len()] = [$(Self::$variant),+];

            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }
    };
}

closed_enum! {
    /// Why a datagram, a hop record or a message to a client went nowhere.
    DropReason {
        /// A hop datagram whose source is no relay of the route table.
        HopStranger => "hop_stranger",
        HopMalformed => "hop_malformed",
        /// A hop datagram longer than the receive buffer.
        HopTruncated => "hop_truncated",
        /// The first byte is none of RFC 7983's, or none that we speak (TURN, ZRTP).
        UnknownProtocol => "unknown_protocol",
        /// Shorter than its protocol's header.
        TooShort => "too_short",
        StunMalformed => "stun_malformed",
        /// An indication or a response: we send no requests and await nothing.
        StunNotRequest => "stun_not_request",
        StunUnknownCall => "stun_unknown_call",
        /// The ticket's route is not the record's.
        StunWrongRoute => "stun_wrong_route",
        /// The second half of USERNAME is not the client's ufrag.
        StunWrongUsername => "stun_wrong_username",
        StunWrongIntegrity => "stun_wrong_integrity",
        /// A transaction that was seen from another client address.
        StunReplayed => "stun_replayed",
        /// A check after the set-up window or the consent ran out.
        StunCallOver => "stun_call_over",
        /// DTLS, RTP or RTCP from an address without an authenticated check.
        UncheckedAddress => "unchecked_address",
        /// The call has `queue_limit` datagrams waiting.
        CallQueueFull => "call_queue_full",
        /// All calls together have too many datagrams waiting.
        TotalQueueFull => "total_queue_full",
        SendUnknownCall => "send_unknown_call",
        /// No client address was checked yet.
        SendNoAddress => "send_no_address",
        SendTooLong => "send_too_long",
        SendQueueFull => "send_queue_full",
        /// The socket refused it.
        SendFailed => "send_failed",
    }
}

closed_enum! {
    /// What went well, or at least somewhere.
    Tally {
        ReceivedDatagrams => "received_datagrams",
        ReceivedRecords => "received_records",
        SentDatagrams => "sent_datagrams",
        SentRecords => "sent_records",
        /// Sent records that do not fit [`antiphon_wire::hop::MAX_PACKED`]: they may be fragmented on the way.
        OversizedRecords => "oversized_records",
        StunAnswered => "stun_answered",
        /// Answered with 487 (RFC 8445 §7.3.1.1).
        StunRoleConflicts => "stun_role_conflicts",
        /// Answered with 420 (RFC 8489 §6.3.1).
        StunUnknownAttributes => "stun_unknown_attributes",
        PathsAdopted => "paths_adopted",
        /// Sent once more, through the relay that took over.
        RepeatedRecords => "repeated_records",
        /// A client that came back with the credentials of its restart (RFC 8445 §9).
        IceRestarts => "ice_restarts",
        SendAddressesMoved => "send_addresses_moved",
        /// A client address that another call's authenticated check took over.
        AddressesTakenOver => "addresses_taken_over",
    }
}

#[derive(Clone, Debug)]
pub struct Counters {
    drops: [u64; DropReason::ALL.len()],
    tallies: [u64; Tally::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self { drops: [0; DropReason::ALL.len()], tallies: [0; Tally::ALL.len()] }
    }
}

impl Counters {
    pub fn dropped(&mut self, reason: DropReason) {
        if let Some(count) = self.drops.get_mut(reason as usize) {
            *count += 1;
        }
    }

    pub fn add(&mut self, tally: Tally, amount: u64) {
        if let Some(count) = self.tallies.get_mut(tally as usize) {
            *count += amount;
        }
    }

    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.into_iter().zip(self.drops)
    }

    pub fn tallies(&self) -> impl Iterator<Item = (Tally, u64)> {
        Tally::ALL.into_iter().zip(self.tallies)
    }

    pub fn of(&self, reason: DropReason) -> u64 {
        self.drops.get(reason as usize).copied().unwrap_or_default()
    }

    pub fn tally(&self, tally: Tally) -> u64 {
        self.tallies.get(tally as usize).copied().unwrap_or_default()
    }
}
