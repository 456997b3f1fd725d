//! The state cookie (RFC 9260 §5.1.3): what an INIT said, sent back to its sender, who returns it. Until then nothing is
//! kept of it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::init::{Extensions, Hello};
use crate::fields::Fields;

/// Microseconds that a cookie is good for (RFC 9260 §16, `Valid.Cookie.Life`).
const LIFE_US: u64 = 60_000_000;
const CONTENT: usize = 25;
const MAC: usize = 32;

/// What is known of the peer once it has returned its cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub hello: Hello,
    pub extensions: Extensions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Forged,
    Stale {
        tag: u32,
        /// Microseconds past its life.
        late_us: u64,
    },
}

pub(super) fn minted(key: &[u8; 32], now_us: u64, peer: &Peer) -> Vec<u8> {
    let mut cookie = Vec::with_capacity(CONTENT + MAC);
    peer.hello.write(&mut cookie);
    cookie.push(u8::from(peer.extensions.partial_reliability) | u8::from(peer.extensions.reconfiguration) << 1);
    cookie.extend(now_us.to_be_bytes());
    let mac = mac(key, &cookie).finalize().into_bytes();
    cookie.extend(mac);
    cookie
}

pub(super) fn opened(key: &[u8; 32], now_us: u64, cookie: &[u8]) -> Result<Peer, Refused> {
    let (content, tag) = cookie.split_first_chunk::<CONTENT>().ok_or(Refused::Forged)?;
    mac(key, content).verify_slice(tag).map_err(|_| Refused::Forged)?;
    let (peer, minted_us) = read(content).ok_or(Refused::Forged)?;
    let age_us = now_us.saturating_sub(minted_us);
    if age_us > LIFE_US {
        return Err(Refused::Stale { tag: peer.hello.tag, late_us: age_us - LIFE_US });
    }
    Ok(peer)
}

fn read(content: &[u8]) -> Option<(Peer, u64)> {
    let mut fields = Fields::of(content);
    let hello = Hello::read(&mut fields)?;
    let [extensions] = fields.take()?;
    let extensions = Extensions { partial_reliability: extensions & 1 != 0, reconfiguration: extensions & 2 != 0 };
    Some((Peer { hello, extensions }, fields.u64()?))
}

fn mac(key: &[u8; 32], content: &[u8]) -> Hmac<Sha256> {
    // A key of 32 bytes is never too long; filled up to the hash's block as HMAC does it (RFC 2104 §2).
    let mut block = [0; 64];
    for (byte, from) in block.iter_mut().zip(key) {
        *byte = *from;
    }
    let mut mac = Hmac::new((&block).into());
    mac.update(content);
    mac
}
