//! The keys that mint and read tickets, with the times that let them rotate without acknowledgements.

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::ticket::{self, Block, Ticket, TicketError, Validity};

/// More keys than any rotation overlaps; bounds what a broken Secret can cost.
pub const MAX_KEYS: usize = 62;
pub const SECRET_LEN: usize = 32;
/// 18 of the HMAC's 32 bytes: 144 bits, 24 ice-chars (RFC 8839 §5.4 asks for at least 22).
const PASSWORD_BYTES: usize = 18;

/// One key as the Secret carries it; times in seconds since the Unix epoch.
#[derive(Clone)]
pub struct KeySpec {
    pub id: u8,
    pub secret: [u8; SECRET_LEN],
    pub mint_from: u64,
    pub mint_until: u64,
    pub accept_until: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRingError {
    Empty,
    TooMany,
    BadId(char),
    DuplicateId(char),
    BadTimes(char),
}

impl std::fmt::Display for KeyRingError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => write!(formatter, "the key ring has no keys"),
            Self::TooMany => write!(formatter, "the key ring has more than {MAX_KEYS} keys"),
            Self::BadId(id) => write!(formatter, "key id {id:?} must be one ASCII letter or digit"),
            Self::DuplicateId(id) => write!(formatter, "key id {id:?} is there twice"),
            Self::BadTimes(id) => write!(formatter, "key {id:?} must have mint_from < mint_until <= accept_until"),
        }
    }
}

impl std::error::Error for KeyRingError {}

struct Key {
    spec: KeySpec,
    ticket_cipher: Aes128,
    call_cipher: Aes128,
    password_mac: Hmac<Sha256>,
}

/// What [`KeyRing::mint`] makes for one call.
#[derive(Clone, PartialEq, Eq)]
pub struct Minted {
    pub ufrag: String,
    pub password: String,
    pub call_id: String,
}

/// What a call id says: the ticket's plaintext under another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId {
    pub key_id: u8,
    pub ticket: Ticket,
}

/// Of call exports; never of the ring that tickets are minted with, which relays and signaling hold too.
#[derive(Clone, PartialEq, Eq)]
pub struct ExportKey {
    pub id: u8,
    pub secret: [u8; 32],
}

pub struct KeyRing {
    keys: Vec<Key>,
}

impl KeyRing {
    pub fn new(specs: Vec<KeySpec>) -> Result<Self, KeyRingError> {
        if specs.is_empty() {
            return Err(KeyRingError::Empty);
        }
        if specs.len() > MAX_KEYS {
            return Err(KeyRingError::TooMany);
        }
        let mut keys: Vec<Key> = Vec::with_capacity(specs.len());
        for spec in specs {
            let id = char::from(spec.id);
            if !ticket::is_key_id(spec.id) {
                return Err(KeyRingError::BadId(id));
            }
            if keys.iter().any(|key| key.spec.id == spec.id) {
                return Err(KeyRingError::DuplicateId(id));
            }
            if spec.mint_from >= spec.mint_until || spec.mint_until > spec.accept_until {
                return Err(KeyRingError::BadTimes(id));
            }
            keys.push(Key::new(spec));
        }
        Ok(Self { keys })
    }

    /// What the ring was made of, to hand it to another process part.
    pub fn specs(&self) -> impl Iterator<Item = &KeySpec> {
        self.keys.iter().map(|key| &key.spec)
    }

    /// A ticket, its password and its call id, under the newest key that may mint at `now`; `None` where no key may.
    pub fn mint(&self, ticket: Ticket, now: u64) -> Option<Minted> {
        let key = self.minting_key(now)?;
        let block = ticket.to_block();
        let ufrag = ticket::encode_ufrag(key.spec.id, encrypt(&key.ticket_cipher, block));
        let password = key.password(ufrag.as_bytes());
        let call_id = ticket::encode_call_id(key.spec.id, encrypt(&key.call_cipher, block));
        Some(Minted { ufrag, password, call_id })
    }

    /// Reads a ticket and checks key, authenticity and expiry.
    pub fn open(&self, ufrag: &[u8], now: u64, validity: Validity) -> Result<Ticket, TicketError> {
        let ticket = self.inspect(ufrag, now)?;
        if validity.holds(ticket.expiry_minutes(), now) { Ok(ticket) } else { Err(TicketError::Expired) }
    }

    /// Reads a ticket and checks key and authenticity, not its expiry.
    pub fn inspect(&self, ufrag: &[u8], now: u64) -> Result<Ticket, TicketError> {
        let (key_id, block) = ticket::decode_ufrag(ufrag)?;
        let key = self.key(key_id, now)?;
        Ticket::from_block(decrypt(&key.ticket_cipher, block), now)
    }

    /// The ICE password of a ticket: `base64(HMAC-SHA-256(password key, ufrag)[..18])`, 24 characters. It says nothing about
    /// whether the ticket is authentic.
    pub fn password(&self, ufrag: &[u8], now: u64) -> Result<String, TicketError> {
        let (key_id, _) = ticket::decode_ufrag(ufrag)?;
        Ok(self.key(key_id, now)?.password(ufrag))
    }

    pub fn open_call_id(&self, call_id: &[u8], now: u64) -> Result<CallId, TicketError> {
        let (key_id, block) = ticket::decode_call_id(call_id)?;
        let key = self.key(key_id, now)?;
        let ticket = Ticket::from_block(decrypt(&key.call_cipher, block), now)?;
        Ok(CallId { key_id, ticket })
    }

    /// What seals a call's export, of the key that mints at `now`; `None` where no key may.
    pub fn sealing_key(&self, now: u64) -> Option<ExportKey> {
        self.minting_key(now).map(Key::export_key)
    }

    /// What opens an export that names key `id`.
    pub fn opening_key(&self, id: u8, now: u64) -> Result<ExportKey, TicketError> {
        self.key(id, now).map(Key::export_key)
    }

    fn minting_key(&self, now: u64) -> Option<&Key> {
        (self.keys.iter())
            .filter(|key| (key.spec.mint_from..key.spec.mint_until).contains(&now))
            .max_by_key(|key| key.spec.mint_from)
    }

    fn key(&self, id: u8, now: u64) -> Result<&Key, TicketError> {
        let key = self.keys.iter().find(|key| key.spec.id == id).ok_or(TicketError::UnknownKey)?;
        if now < key.spec.accept_until { Ok(key) } else { Err(TicketError::KeyRetired) }
    }
}

impl Key {
    fn new(spec: KeySpec) -> Self {
        let mut ticket_key = [0; 16];
        let mut call_key = [0; 16];
        let mut password_key = [0; 32];
        let derivation = Hkdf::<Sha256>::new(None, &spec.secret);
        derive(&derivation, b"antiphon ticket 1 block", &mut ticket_key);
        derive(&derivation, b"antiphon ticket 1 call id", &mut call_key);
        derive(&derivation, b"antiphon ticket 1 password", &mut password_key);
        Self {
            spec,
            ticket_cipher: Aes128::new(&ticket_key.into()),
            call_cipher: Aes128::new(&call_key.into()),
            password_mac: <Hmac<Sha256> as KeyInit>::new(&pad_to_block(password_key).into()),
        }
    }

    /// Derived where it is asked for: most holders of a ring never do.
    fn export_key(&self) -> ExportKey {
        let mut secret = [0; 32];
        derive(&Hkdf::<Sha256>::new(None, &self.spec.secret), b"antiphon call export 1", &mut secret);
        ExportKey { id: self.spec.id, secret }
    }

    fn password(&self, ufrag: &[u8]) -> String {
        let mut mac = self.password_mac.clone();
        mac.update(ufrag);
        let tag = mac.finalize().into_bytes();
        STANDARD_NO_PAD.encode(tag.get(..PASSWORD_BYTES).unwrap_or_default())
    }
}

/// HKDF-SHA-256 (RFC 5869) with no salt; 16 and 32 bytes are far below its limit, so it cannot fail.
fn derive(derivation: &Hkdf<Sha256>, label: &[u8], key: &mut [u8]) {
    let expanded = derivation.expand(label, key);
    debug_assert!(expanded.is_ok(), "HKDF refuses only more than 255 blocks");
}

/// HMAC pads a short key with zeros to the hash's block (RFC 2104 §2); done here, the constructor takes it without an error.
fn pad_to_block(key: [u8; 32]) -> [u8; 64] {
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(slot, byte)| *slot = byte);
    block
}

fn encrypt(cipher: &Aes128, block: Block) -> Block {
    let mut block = block.into();
    cipher.encrypt_block(&mut block);
    block.into()
}

fn decrypt(cipher: &Aes128, block: Block) -> Block {
    let mut block = block.into();
    cipher.decrypt_block(&mut block);
    block.into()
}
