//! Data channels (RFC 8831) and how they are opened (DCEP, RFC 8832), over one [`crate::sctp::Association`].

mod channels;
mod opening;
mod state;

pub use channels::{ChannelEvent, Closed, Config, DataChannels, LONGEST_NAME, MOST_CHANNELS, Unsendable};
pub use opening::{Delivery, Opening, Patience};
pub use state::{Channel, DataChannelsState, Inheritance, Phase};

/// Payload protocol identifiers (RFC 8831 §8).
mod protocol {
    pub const DCEP: u32 = 50;
    pub const TEXT: u32 = 51;
    pub const BINARY: u32 = 53;
    /// SCTP has no empty messages: one byte stands for none (RFC 8831 §6.6).
    pub const EMPTY_TEXT: u32 = 56;
    pub const EMPTY_BINARY: u32 = 57;
}
