//! RTCP (RFC 3550 §6, RFC 4585): what receivers and senders of RTP say of it to one another.
//!
//! Sender and receiver reports, CNAMEs, BYE and generic NACKs are read and written; whatever else a compound packet holds
//! is skipped by its length. Reduced-size packets (RFC 5506), which begin with no report, are read too.

mod builder;
mod compound;
mod goodbye;
mod nack;
mod ntp_time;
mod report;
mod source_description;

pub use builder::Builder;
pub use compound::{Compound, MOST_PACKETS, Packet, RtcpError};
pub use goodbye::Goodbye;
pub use nack::Nack;
pub use ntp_time::NtpTime;
pub use report::{MOST_LOST, Report, ReportBlock, SenderInfo};
pub use source_description::{Chunk, SourceDescription};

/// RFC 3550 §12.1.
mod kind {
    pub const SENDER_REPORT: u8 = 200;
    pub const RECEIVER_REPORT: u8 = 201;
    pub const SOURCE_DESCRIPTION: u8 = 202;
    pub const GOODBYE: u8 = 203;
    /// RFC 4585 §6.1.
    pub const TRANSPORT_FEEDBACK: u8 = 205;
}

const VERSION: u8 = 2;
const PADDING_BIT: u8 = 0x20;
/// The count of report blocks, chunks or sources; a feedback message has its format there.
const COUNT_MASK: u8 = 0x1F;
/// The format of a generic NACK (RFC 4585 §6.2.1).
const GENERIC_NACK: u8 = 1;
/// The type of an SDES item (RFC 3550 §6.5.1).
const CNAME: u8 = 1;
