//! Why a packet goes no further. Closed: the labels are the metric's label values.

use antiphon_wire::stun::StunError;
use antiphon_wire::ticket::TicketError;

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $name:ident => $label:literal,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[$doc])* $name,)+
        }

        impl DropReason {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)+
                }
            }
        }
    };
}

drop_reasons! {
    Empty => "empty",
    /// Longer than [`crate::MAX_DATAGRAM`], or cut by the kernel.
    Oversized => "oversized",
    /// No RFC 7983 range fits the first byte, and the source has no flow.
    UnknownProtocol => "unknown_protocol",
    /// DTLS comes after ICE: a source without a flow has no business with it.
    DtlsUnknownSource => "dtls_unknown_source",
    /// RTP or RTCP without a flow, where no flow cache is configured.
    MediaUnknownSource => "media_unknown_source",
    StunTruncated => "stun_truncated",
    StunOversized => "stun_oversized",
    StunBadCookie => "stun_bad_cookie",
    StunNotBinding => "stun_not_binding",
    StunBadAttribute => "stun_bad_attribute",
    StunBadFingerprint => "stun_bad_fingerprint",
    /// A response or an indication from a source without a flow.
    StunNotRequest => "stun_not_request",
    StunWithoutUsername => "stun_without_username",
    TicketMalformed => "ticket_malformed",
    TicketUnknownVersion => "ticket_unknown_version",
    TicketUnknownKey => "ticket_unknown_key",
    TicketForged => "ticket_forged",
    TicketKeyRetired => "ticket_key_retired",
    TicketExpired => "ticket_expired",
    /// A good ticket of another cluster.
    OtherCluster => "other_cluster",
    BadIntegrity => "bad_integrity",
    /// No block of the table holds the route.
    NoRoute => "no_route",
    /// The route's pod is gone.
    RouteLost => "route_lost",
    /// The source's prefix opened too many flows.
    FlowBudget => "flow_budget",
    FlowsFull => "flows_full",
    /// Too many look-ups a second.
    LookupBudget => "lookup_budget",
    /// The source was looked up a moment ago and was not there.
    LookupMissedBefore => "lookup_missed_before",
    /// The queue of packets that wait for a look-up is full.
    LookupQueueFull => "lookup_queue_full",
    LookupMiss => "lookup_miss",
    /// The answer to the look-up took too long.
    LookupLate => "lookup_late",
    /// The client talks to more local addresses than a record can index.
    LocalAddressesFull => "local_addresses_full",
    /// A hop datagram from an address that owns nothing.
    HopStranger => "hop_stranger",
    HopMalformed => "hop_malformed",
    /// A hop datagram longer than the receive buffer.
    HopTruncated => "hop_truncated",
    /// A return record for a client without a flow.
    HopNoFlow => "hop_no_flow",
    /// A return record from a transceiver that does not own the record's route.
    HopWrongOwner => "hop_wrong_owner",
    /// A return record for a client whose flow is bound to another route.
    HopOtherRoute => "hop_other_route",
    /// The kernel's send queue is full.
    QueueFull => "queue_full",
    /// The kernel refused to send.
    SendFailed => "send_failed",
}

impl From<TicketError> for DropReason {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::Malformed => Self::TicketMalformed,
            TicketError::UnknownVersion => Self::TicketUnknownVersion,
            TicketError::UnknownKey => Self::TicketUnknownKey,
            TicketError::Forged => Self::TicketForged,
            TicketError::Expired => Self::TicketExpired,
            TicketError::KeyRetired => Self::TicketKeyRetired,
        }
    }
}

impl From<StunError> for DropReason {
    fn from(error: StunError) -> Self {
        match error {
            StunError::Truncated => Self::StunTruncated,
            StunError::Oversized => Self::StunOversized,
            StunError::NotStun => Self::StunBadCookie,
            StunError::NotBinding => Self::StunNotBinding,
            StunError::BadAttribute => Self::StunBadAttribute,
            StunError::BadFingerprint => Self::StunBadFingerprint,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn labels_are_distinct_and_fit_a_metric() {
        let labels: HashSet<&str> = DropReason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), DropReason::ALL.len());
        assert!(labels.iter().all(|label| label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }

    #[test]
    fn the_position_in_all_is_the_discriminant() {
        for (position, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, position);
        }
    }
}
