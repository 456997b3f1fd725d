//! Time as reports carry it (RFC 3550 §4).

/// Seconds from 1900, where NTP time begins, to 1970.
const EPOCH_OFFSET_S: u64 = 2_208_988_800;

const US: u64 = 1_000_000;

/// Seconds since 1900 in the upper half (modulo 2^32), in 1/2^32 s below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// `unix_us`: microseconds since 1970.
    pub const fn from_unix_us(unix_us: u64) -> Self {
        let seconds = (unix_us / US).wrapping_add(EPOCH_OFFSET_S);
        // Rounded to the nearest: a microsecond is 4,295 of these units, so this never carries into the seconds.
        let fraction = (((unix_us % US) << 32) + US / 2) / US;
        Self(seconds << 32 | fraction)
    }

    /// The 32 bits by which reports name one another: 1/65536 s, modulo 18 hours.
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}
