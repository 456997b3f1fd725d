//! Numbers, texts, lists and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Form, Malformed, Reader, Writer};

/// Seven bits a byte, the lowest first; the eighth says that more follow (LEB128).
impl Form for u64 {
    fn write(&self, writer: &mut Writer) {
        let mut rest = *self;
        while rest >= 0x80 {
            writer.put(&[rest as u8 | 0x80]);
            rest >>= 7;
        }
        writer.put(&[rest as u8]);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut number: u64 = 0;
        for place in 0..10_u32 {
            let [byte] = reader.array()?;
            let bits = u64::from(byte & 0x7f);
            if place == 9 && bits > 1 {
                return Err(Malformed);
            }
            number |= bits << (7 * place);
            if byte & 0x80 == 0 {
                // A number has one form: none ends with bits that say nothing.
                return if byte == 0 && place > 0 { Err(Malformed) } else { Ok(number) };
            }
        }
        Err(Malformed)
    }
}

macro_rules! form_of_number {
    ($($kind:ty),+) => {$(
        impl Form for $kind {
            fn write(&self, writer: &mut Writer) {
                u64::from(*self).write(writer);
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
                Self::try_from(u64::read(reader)?).map_err(|_| Malformed)
            }
        }
    )+};
}

form_of_number!(u16, u32);

impl Form for usize {
    fn write(&self, writer: &mut Writer) {
        (*self as u64).write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::try_from(u64::read(reader)?).map_err(|_| Malformed)
    }
}

impl Form for u8 {
    fn write(&self, writer: &mut Writer) {
        writer.put(&[*self]);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array().map(|[byte]| byte)
    }
}

impl Form for bool {
    fn write(&self, writer: &mut Writer) {
        writer.put(&[u8::from(*self)]);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Malformed),
        }
    }
}

/// Bitmaps: their words are not small.
impl Form for [u64; 4] {
    fn write(&self, writer: &mut Writer) {
        for word in self {
            writer.put(&word.to_be_bytes());
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut words = [0; 4];
        for word in &mut words {
            *word = u64::from_be_bytes(reader.array()?);
        }
        Ok(words)
    }
}

impl<T: Form> Form for Option<T> {
    fn write(&self, writer: &mut Writer) {
        self.is_some().write(writer);
        if let Some(value) = self {
            value.write(writer);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        bool::read(reader)?.then(|| T::read(reader)).transpose()
    }
}

impl<T: Form, U: Form> Form for (T, U) {
    fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
        self.1.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok((T::read(reader)?, U::read(reader)?))
    }
}

/// The count is not believed: room is made for what has been read.
impl<T: Form> Form for Vec<T> {
    fn write(&self, writer: &mut Writer) {
        self.len().write(writer);
        for value in self {
            value.write(writer);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count = usize::read(reader)?;
        let mut values = Self::new();
        while values.len() < count {
            values.push(T::read(reader)?);
        }
        Ok(values)
    }
}

impl Form for Box<[u8]> {
    fn write(&self, writer: &mut Writer) {
        self.len().write(writer);
        writer.put(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let length = usize::read(reader)?;
        reader.take(length).map(Into::into)
    }
}

impl Form for String {
    fn write(&self, writer: &mut Writer) {
        self.len().write(writer);
        writer.put(self.as_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::from_utf8(Box::<[u8]>::read(reader)?.into_vec()).map_err(|_| Malformed)
    }
}

/// Without the scope and the flow label of an IPv6 address, which have no meaning elsewhere.
impl Form for SocketAddr {
    fn write(&self, writer: &mut Writer) {
        match self.ip() {
            IpAddr::V4(address) => {
                writer.put(&[4]);
                writer.put(&address.octets());
            }
            IpAddr::V6(address) => {
                writer.put(&[6]);
                writer.put(&address.octets());
            }
        }
        writer.put(&self.port().to_be_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let address = match reader.array()? {
            [4] => IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?)),
            [6] => IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?)),
            _ => return Err(Malformed),
        };
        Ok(Self::new(address, u16::from_be_bytes(reader.array()?)))
    }
}
