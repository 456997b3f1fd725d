//! How a value is written down: its fields one after the other, in a fixed order, without names.
//!
//! By hand and not by a serialisation crate: what is written here must not change when somebody renames or reorders a field
//! of SRTP's or SCTP's states, whose authors need not know of exports. The `form!` macro names every field once and takes
//! the value apart completely, so a field that is added there does not compile until it has a place here.
//!
//! Each value has one form only, and every list is as long as the bytes that are there: reading takes memory in proportion to
//! its input, which [`LONGEST_FORM`] bounds.

mod channels;
mod primitives;
mod speech;
mod transport;

use zeroize::Zeroizing;

/// Bytes of a call. Nearly all of them can be messages that are on their way: whatever the bounds of
/// [`crate::sctp::Config`] let an association hold has room here, at their defaults. Else a channel whose backlog is too long
/// for an export, and which waits for the next one to be stored, would wait for ever.
pub const LONGEST_FORM: usize = 2 * 1024 * 1024;

const _: () = {
    let bounds = crate::sctp::Config::DEFAULT;
    let received = crate::sctp::Config::most_received(bounds.receive_window) + bounds.largest_message;
    assert!(bounds.largest_backlog + received <= LONGEST_FORM - 256 * 1024);
};

/// A call with nothing on its way fits.
const FIRST_CAPACITY: usize = 2048;

/// These bytes are no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

pub(super) trait Form: Sized {
    fn write(&self, writer: &mut Writer);
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// `value` written down; cleared from memory when dropped.
pub(super) fn written(value: &impl Form) -> Zeroizing<Vec<u8>> {
    let mut writer = Writer { bytes: Zeroizing::new(Vec::with_capacity(FIRST_CAPACITY)) };
    value.write(&mut writer);
    writer.bytes
}

/// The value that all of `bytes` are.
pub(super) fn read<T: Form>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut reader = Reader { rest: bytes };
    let value = T::read(&mut reader)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(Malformed) }
}

pub(super) struct Writer {
    bytes: Zeroizing<Vec<u8>>,
}

impl Writer {
    pub fn put(&mut self, bytes: &[u8]) {
        let length = self.bytes.len() + bytes.len();
        if length > self.bytes.capacity() {
            // Not by the vector itself, which would leave keys in the memory that it gives back.
            let mut larger = Zeroizing::new(Vec::with_capacity(length.next_power_of_two()));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(bytes);
    }
}

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// A struct is its fields in this order.
macro_rules! form {
    ($kind:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::call_export::form::Form for $kind {
            fn write(&self, writer: &mut $crate::call_export::form::Writer) {
                let Self { $($field),+ } = self;
                $( $crate::call_export::form::Form::write($field, writer); )+
            }

            fn read(
                reader: &mut $crate::call_export::form::Reader<'_>,
            ) -> Result<Self, $crate::call_export::form::Malformed> {
                $( let $field = $crate::call_export::form::Form::read(reader)?; )+
                Ok(Self { $($field),+ })
            }
        }
    };
}

/// An enum without fields is a byte.
macro_rules! form_of_names {
    ($kind:ident { $($name:ident = $code:literal),+ $(,)? }) => {
        impl $crate::call_export::form::Form for $kind {
            fn write(&self, writer: &mut $crate::call_export::form::Writer) {
                writer.put(&[match self { $( Self::$name => $code ),+ }]);
            }

            fn read(
                reader: &mut $crate::call_export::form::Reader<'_>,
            ) -> Result<Self, $crate::call_export::form::Malformed> {
                Ok(match reader.array()? {
                    $( [$code] => Self::$name, )+
                    _ => return Err($crate::call_export::form::Malformed),
                })
            }
        }
    };
}

pub(super) use form;
use form_of_names;
