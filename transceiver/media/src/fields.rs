//! Numbers in network order, one after another.

/// What is left of some bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (&field, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(field)
    }
}
