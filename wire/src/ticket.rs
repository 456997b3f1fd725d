//! The routing ticket: the server-side ICE ufrag, which only a holder of the key ring can mint, read or forge.
//!
//! `version (1 char) | key id (1 char) | base64(AES-128(cluster 16 | route 32 | expiry 16 | nonce 32 | zero 32))`,
//! 24 ice-chars in all (RFC 8839 §5.4). The 32 zero bits authenticate the block; MESSAGE-INTEGRITY under the derived
//! password authenticates the packet that carries it.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Format 1.
pub const VERSION: u8 = b'1';
pub const TICKET_LEN: usize = 24;
pub const CALL_ID_PREFIX: &str = "rtc_";
/// Slack that the transceiver adds to the longest call when it mints, so that a live call's ticket is always valid.
pub const MINT_SLACK_S: u64 = 300;
/// The longest call that any part may be set to, 21 days: a ticket for it fits [`Validity`]'s window, with an hour of skew.
pub const LONGEST_CALL_S: u64 = 21 * 86_400;

/// Half of the circle of 2^16 minutes.
const LONGEST_WINDOW_MIN: u64 = 0x7FFF;

const BLOCK_LEN: usize = 16;
const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::RequireNone);
/// Canonical on decoding: the four spare bits of the last character must be zero, so no two ufrags are one ticket.
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

pub(crate) type Block = [u8; BLOCK_LEN];

/// What a ticket says. `expires_at` is in seconds since the Unix epoch, at the resolution of a minute, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub cluster_id: u16,
    pub route: u32,
    pub expires_at: u64,
    pub nonce: u32,
}

/// Why a ticket is refused. The relay's drop reasons are these labels behind `ticket_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketError {
    /// Not 24 ice-chars, or base64 that is not canonical.
    Malformed,
    UnknownVersion,
    /// No key of that id.
    UnknownKey,
    /// The key is no longer accepted (`accept_until`).
    KeyRetired,
    /// The zero bits do not decrypt to zero.
    Forged,
    Expired,
}

impl TicketError {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownVersion => "unknown_version",
            Self::UnknownKey => "unknown_key",
            Self::KeyRetired => "key_retired",
            Self::Forged => "forged",
            Self::Expired => "expired",
        }
    }
}

impl std::fmt::Display for TicketError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "the ticket is malformed: 24 ice-chars in canonical base64 are expected",
            Self::UnknownVersion => "the ticket has an unknown format version",
            Self::UnknownKey => "the ticket names a key that is not in the key ring",
            Self::KeyRetired => "the ticket's key is no longer accepted",
            Self::Forged => "the ticket was not minted with the key it names",
            Self::Expired => "the ticket has expired",
        })
    }
}

impl std::error::Error for TicketError {}

/// How long tickets live, for the check of [`Validity::holds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The longest call of any pool, in seconds.
    pub longest_call_s: u64,
    /// How far two clocks may lie apart, in seconds.
    pub skew_s: u64,
}

impl Validity {
    /// Expiries are minutes modulo 2^16 (45 days), so "not yet expired" and "minted in the past" are one window:
    /// `(expiry − now + skew) mod 2^16 ≤ longest call + slack + 2 skew + 1`, in minutes. The skew counts twice: the checker's
    /// clock may be late by it (the expiry seems farther off) or early (it seems past). The last minute is the rounding.
    ///
    /// No window is longer than half of the circle (22 days), beyond which past and future could not be told apart.
    pub fn holds(self, expiry_minutes: u16, now: u64) -> bool {
        let skew = minutes_up(self.skew_s).min(LONGEST_WINDOW_MIN);
        let window = minutes_up(self.longest_call_s) + minutes_up(MINT_SLACK_S) + 2 * skew + 1;
        let ahead = expiry_minutes.wrapping_sub(minutes_down(now) as u16).wrapping_add(skew as u16);
        u64::from(ahead) <= window.min(LONGEST_WINDOW_MIN)
    }
}

impl Ticket {
    pub(crate) fn to_block(self) -> Block {
        let mut block = [0; BLOCK_LEN];
        let fields = (self.cluster_id.to_be_bytes().into_iter())
            .chain(self.route.to_be_bytes())
            .chain(self.expiry_minutes().to_be_bytes())
            .chain(self.nonce.to_be_bytes());
        block.iter_mut().zip(fields).for_each(|(slot, byte)| *slot = byte);
        block
    }

    /// `now` picks the era of the 16-bit expiry: the one nearest to it.
    pub(crate) fn from_block(block: Block, now: u64) -> Result<Self, TicketError> {
        let [c0, c1, r0, r1, r2, r3, e0, e1, n0, n1, n2, n3, zero @ ..] = block;
        if zero != [0; 4] {
            return Err(TicketError::Forged);
        }
        let ahead = u16::from_be_bytes([e0, e1]).wrapping_sub(minutes_down(now) as u16).cast_signed();
        Ok(Self {
            cluster_id: u16::from_be_bytes([c0, c1]),
            route: u32::from_be_bytes([r0, r1, r2, r3]),
            expires_at: minutes_down(now).saturating_add_signed(i64::from(ahead)).saturating_mul(60),
            nonce: u32::from_be_bytes([n0, n1, n2, n3]),
        })
    }

    pub fn expiry_minutes(self) -> u16 {
        minutes_up(self.expires_at) as u16
    }
}

fn minutes_up(seconds: u64) -> u64 {
    seconds.div_ceil(60)
}

fn minutes_down(seconds: u64) -> u64 {
    seconds / 60
}

/// `version | key id | block` as ice-chars.
pub(crate) fn encode_ufrag(key_id: u8, block: Block) -> String {
    let mut text = String::with_capacity(TICKET_LEN);
    text.push(char::from(VERSION));
    text.push(char::from(key_id));
    BASE64.encode_string(block, &mut text);
    text
}

pub(crate) fn decode_ufrag(ufrag: &[u8]) -> Result<(u8, Block), TicketError> {
    let &[version, key_id, ref text @ ..] = ufrag else { return Err(TicketError::Malformed) };
    if ufrag.len() != TICKET_LEN {
        return Err(TicketError::Malformed);
    }
    if version != VERSION {
        return Err(TicketError::UnknownVersion);
    }
    Ok((key_id, decode_block(&BASE64, text)?))
}

/// `rtc_ | key id | block` in URL-safe base64.
pub(crate) fn encode_call_id(key_id: u8, block: Block) -> String {
    format!("{CALL_ID_PREFIX}{}{}", char::from(key_id), BASE64_URL.encode(block))
}

pub(crate) fn decode_call_id(call_id: &[u8]) -> Result<(u8, Block), TicketError> {
    let body = call_id.strip_prefix(CALL_ID_PREFIX.as_bytes()).ok_or(TicketError::Malformed)?;
    let &[key_id, ref text @ ..] = body else { return Err(TicketError::Malformed) };
    Ok((key_id, decode_block(&BASE64_URL, text)?))
}

fn decode_block(engine: &GeneralPurpose, text: &[u8]) -> Result<Block, TicketError> {
    // Two bytes more than a block, so that the decoder's size estimate for 22 characters, three bytes for every four, fits.
    let mut buffer = [0; BLOCK_LEN + 2];
    let length = engine.decode_slice(text, &mut buffer).map_err(|_| TicketError::Malformed)?;
    buffer.get(..length).and_then(|bytes| bytes.try_into().ok()).ok_or(TicketError::Malformed)
}

/// Whether a byte may be a key id: an ice-char that is safe in a URL as well (RFC 8839 §5.4, RFC 3986 §2.3).
pub(crate) fn is_key_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}
