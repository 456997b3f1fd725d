//! Chunks (RFC 9260 §3.3, RFC 3758 §3.2, RFC 6525 §3.1).

use super::data::Data;
use super::forward_tsn::ForwardTsn;
use super::init::Init;
use super::parameter::Parameters;
use super::reconfiguration::Reconfiguration;
use super::sack::Sack;

/// Chunk types.
pub mod kind {
    pub const DATA: u8 = 0;
    pub const INIT: u8 = 1;
    pub const INIT_ACK: u8 = 2;
    pub const SACK: u8 = 3;
    pub const HEARTBEAT: u8 = 4;
    pub const HEARTBEAT_ACK: u8 = 5;
    pub const ABORT: u8 = 6;
    pub const SHUTDOWN: u8 = 7;
    pub const SHUTDOWN_ACK: u8 = 8;
    pub const ERROR: u8 = 9;
    pub const COOKIE_ECHO: u8 = 10;
    pub const COOKIE_ACK: u8 = 11;
    pub const SHUTDOWN_COMPLETE: u8 = 14;
    pub const RE_CONFIG: u8 = 130;
    pub const FORWARD_TSN: u8 = 192;
}

/// Error causes (RFC 9260 §3.3.10).
pub(super) mod cause {
    pub const INVALID_STREAM: u16 = 1;
    pub const STALE_COOKIE: u16 = 3;
    pub const UNRECOGNIZED_CHUNK: u16 = 6;
    pub const USER_INITIATED_ABORT: u16 = 12;
    pub const PROTOCOL_VIOLATION: u16 = 13;
}

/// The T bit: the sender had no tag of its own and reflects the receiver's (RFC 9260 §8.5.1).
const REFLECTED: u8 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    Data(Data<'a>),
    Init(Init<'a>),
    InitAck(Init<'a>),
    Sack(Sack<'a>),
    /// All of its body, to be sent back.
    Heartbeat(&'a [u8]),
    HeartbeatAck(&'a [u8]),
    Abort {
        is_tag_reflected: bool,
    },
    /// The cumulative TSN that its sender has received.
    Shutdown(u32),
    ShutdownAck,
    /// Its causes.
    Error(Parameters<'a>),
    CookieEcho(&'a [u8]),
    CookieAck,
    ShutdownComplete {
        is_tag_reflected: bool,
    },
    Reconfiguration(Reconfiguration),
    ForwardTsn(ForwardTsn<'a>),
    Unknown {
        kind: u8,
        whole: &'a [u8],
    },
}

impl<'a> Chunk<'a> {
    /// `None` if its body is not of the type's form. `whole` is `body` with the header.
    pub(super) fn parse(kind: u8, flags: u8, body: &'a [u8], whole: &'a [u8]) -> Option<Self> {
        let is_tag_reflected = flags & REFLECTED != 0;
        Some(match kind {
            kind::DATA => Self::Data(Data::parse(flags, body)?),
            kind::INIT => Self::Init(Init::parse(body)?),
            kind::INIT_ACK => Self::InitAck(Init::parse(body)?),
            kind::SACK => Self::Sack(Sack::parse(body)?),
            kind::HEARTBEAT => Self::Heartbeat(with_parameters(body)?),
            kind::HEARTBEAT_ACK => Self::HeartbeatAck(with_parameters(body)?),
            kind::ABORT => Self::Abort { is_tag_reflected },
            kind::SHUTDOWN => Self::Shutdown(u32::from_be_bytes(body.try_into().ok()?)),
            kind::SHUTDOWN_ACK => Self::ShutdownAck,
            kind::ERROR => Self::Error(Parameters::parse(body)?),
            kind::COOKIE_ECHO => Self::CookieEcho(body),
            kind::COOKIE_ACK => Self::CookieAck,
            kind::SHUTDOWN_COMPLETE => Self::ShutdownComplete { is_tag_reflected },
            kind::RE_CONFIG => Self::Reconfiguration(Reconfiguration::parse(body)?),
            kind::FORWARD_TSN => Self::ForwardTsn(ForwardTsn::parse(body)?),
            _ => Self::Unknown { kind, whole },
        })
    }
}

fn with_parameters(body: &[u8]) -> Option<&[u8]> {
    Parameters::parse(body).map(|_| body)
}
