//! How much sound one packet holds.

const MS_US: u64 = 1_000;

/// Shorter is sooner, longer is cheaper: each packet costs a header, a tag and a system call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameLength {
    Ten,
    /// What every browser sends, and expects.
    #[default]
    Twenty,
    Forty,
}

impl FrameLength {
    pub const ALL: [Self; 3] = [Self::Ten, Self::Twenty, Self::Forty];

    pub const fn from_ms(ms: u64) -> Option<Self> {
        match ms {
            10 => Some(Self::Ten),
            20 => Some(Self::Twenty),
            40 => Some(Self::Forty),
            _ => None,
        }
    }

    pub const fn ms(self) -> u64 {
        match self {
            Self::Ten => 10,
            Self::Twenty => 20,
            Self::Forty => 40,
        }
    }

    pub const fn us(self) -> u64 {
        self.ms() * MS_US
    }

    /// Samples of a frame, or ticks, at `rate` a second.
    pub const fn at(self, rate: u32) -> u32 {
        rate / 1000 * self.ms() as u32
    }
}
