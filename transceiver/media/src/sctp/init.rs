//! INIT and INIT ACK (RFC 9260 §3.3.2, §3.3.3).

use super::chunk::kind;
use super::parameter::{Parameter, Parameters};
use super::writer::{append_chunk, append_parameter, pad};
use crate::fields::Fields;

/// Parameter types (RFC 9260 §3.3.2.1, §3.3.3.1; RFC 3758 §3.1; RFC 5061 §4.2.7).
mod parameter {
    pub const STATE_COOKIE: u16 = 7;
    pub const UNRECOGNIZED: u16 = 8;
    /// What is known and means nothing below DTLS: addresses, a cookie's life, a host name.
    pub const MEANINGLESS: [u16; 5] = [5, 6, 9, 11, 12];
    pub const SUPPORTED_EXTENSIONS: u16 = 0x8008;
    pub const FORWARD_TSN_SUPPORTED: u16 = 0xC000;
}

/// Bytes of unknown parameters that an INIT ACK tells of.
const MOST_REPORTED: usize = 256;

/// What the peer can do beyond RFC 9260.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// RFC 3758.
    pub partial_reliability: bool,
    /// RFC 6525.
    pub reconfiguration: bool,
}

/// The fixed part of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Not zero.
    pub tag: u32,
    /// Bytes that its sender has room for.
    pub window: u32,
    /// Streams, not zero.
    pub outbound_streams: u16,
    pub inbound_streams: u16,
    pub initial_tsn: u32,
}

impl Hello {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (tag, window) = (fields.u32()?, fields.u32()?);
        let (outbound_streams, inbound_streams) = (fields.u16()?, fields.u16()?);
        Some(Self { tag, window, outbound_streams, inbound_streams, initial_tsn: fields.u32()? })
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.tag.to_be_bytes());
        bytes.extend(self.window.to_be_bytes());
        bytes.extend(self.outbound_streams.to_be_bytes());
        bytes.extend(self.inbound_streams.to_be_bytes());
        bytes.extend(self.initial_tsn.to_be_bytes());
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init<'a> {
    pub hello: Hello,
    pub parameters: Parameters<'a>,
}

impl<'a> Init<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::of(body);
        let hello = Hello::read(&mut fields)?;
        let is_usable = hello.tag != 0 && hello.outbound_streams != 0 && hello.inbound_streams != 0;
        let parameters = Parameters::parse(fields.rest())?;
        is_usable.then_some(Self { hello, parameters })
    }

    pub fn extensions(&self) -> Extensions {
        let mut extensions = Extensions::default();
        for parameter in self.understood() {
            match parameter.kind {
                parameter::FORWARD_TSN_SUPPORTED => extensions.partial_reliability = true,
                parameter::SUPPORTED_EXTENSIONS => {
                    extensions.partial_reliability |= parameter.value.contains(&kind::FORWARD_TSN);
                    extensions.reconfiguration |= parameter.value.contains(&kind::RE_CONFIG);
                }
                _ => {}
            }
        }
        extensions
    }

    pub fn cookie(&self) -> Option<&'a [u8]> {
        self.understood().find(|parameter| parameter.kind == parameter::STATE_COOKIE).map(|cookie| cookie.value)
    }

    /// The parameters to tell the sender of, in the form of an INIT ACK.
    pub(super) fn unrecognized(&self) -> Vec<u8> {
        let mut reported = Vec::new();
        for parameter in self.until_stopped().filter(|parameter| !is_known(parameter)) {
            if parameter.if_unknown().is_reported && reported.len() + parameter.whole.len() <= MOST_REPORTED {
                append_parameter(&mut reported, parameter::UNRECOGNIZED, parameter.whole);
            }
        }
        reported
    }

    fn understood(&self) -> impl Iterator<Item = Parameter<'a>> + use<'a> {
        self.until_stopped().filter(is_known)
    }

    /// Up to an unknown one that says to stop, with it.
    fn until_stopped(&self) -> impl Iterator<Item = Parameter<'a>> + use<'a> {
        let mut is_stopped = false;
        self.parameters.clone().take_while(move |parameter| {
            let is_taken = !is_stopped;
            is_stopped |= !is_known(parameter) && !parameter.if_unknown().is_skipped;
            is_taken
        })
    }
}

fn is_known(parameter: &Parameter<'_>) -> bool {
    let known = [
        parameter::STATE_COOKIE,
        parameter::UNRECOGNIZED,
        parameter::SUPPORTED_EXTENSIONS,
        parameter::FORWARD_TSN_SUPPORTED,
    ];
    known.contains(&parameter.kind) || parameter::MEANINGLESS.contains(&parameter.kind)
}

/// Our INIT, or our INIT ACK if there is a cookie.
pub(super) fn written(hello: &Hello, cookie: Option<&[u8]>, unrecognized: &[u8]) -> Vec<u8> {
    let mut chunk = Vec::new();
    let kind = if cookie.is_some() { kind::INIT_ACK } else { kind::INIT };
    append_chunk(&mut chunk, kind, 0, |body| {
        hello.write(body);
        append_parameter(body, parameter::FORWARD_TSN_SUPPORTED, &[]);
        append_parameter(body, parameter::SUPPORTED_EXTENSIONS, &[kind::RE_CONFIG, kind::FORWARD_TSN]);
        if let Some(cookie) = cookie {
            append_parameter(body, parameter::STATE_COOKIE, cookie);
        }
        if !unrecognized.is_empty() {
            pad(body);
            body.extend(unrecognized);
        }
    });
    chunk
}
