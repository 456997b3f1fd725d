//! How long live sound waits, which comes as fast as it goes. What waits all the time is of no use to anybody. But of sound
//! that comes just before its slots every frame is encoded when it is due, and each is sent as late as its worker comes.

/// For so long it is looked at: what a network holds up in turns has come by then.
const WINDOW_MS: u64 = 1_000;
/// More of it is too much.
const MOST_MS: u64 = 40;
/// What is left of it, so that the next piece may be a little late.
const LEFT_MS: u64 = 20;
/// Frames of a window that are encoded when they are due by chance: sound that begins is.
const MOST_HURRIED: u64 = 4;

/// Of one queue, while its sound is live. The least that waited in a window is what waited all the time.
#[derive(Debug, Default)]
pub(super) struct Delay {
    /// Before it was given what is not live; in samples since the start of the call. None: what was given last is not.
    live_from: Option<u64>,
    slots_ms: u64,
    least_ms: Option<u64>,
    excess_ms: u64,
    /// Frames that were encoded when they were due, in this window.
    hurried: u64,
    /// The sound is to wait for one slot more.
    is_too_short: bool,
}

impl Delay {
    /// What is given from now on is live; `given`: samples before it.
    pub fn begin(&mut self, given: u64) {
        self.live_from.get_or_insert(given);
    }

    /// What is given from now on is not.
    pub fn end(&mut self) {
        *self = Self::default();
    }

    pub const fn is_live(&self) -> bool {
        self.live_from.is_some()
    }

    /// A slot of `slot_ms` was used, and `waiting_ms` are left.
    pub fn note(&mut self, slot_ms: u64, waiting_ms: u64) {
        self.slots_ms += slot_ms;
        self.least_ms = Some(self.least_ms.map_or(waiting_ms, |least_ms| least_ms.min(waiting_ms)));
        if self.slots_ms >= WINDOW_MS {
            let least_ms = self.least_ms.take().unwrap_or_default();
            self.slots_ms = 0;
            self.excess_ms = if least_ms > MOST_MS { least_ms - LEFT_MS } else { 0 };
            let is_hurried = std::mem::take(&mut self.hurried) > MOST_HURRIED;
            // Of what waits for a slot and more, a worker is late that was told in time.
            self.is_too_short = is_hurried && least_ms < slot_ms && least_ms + slot_ms <= MOST_MS;
        }
    }

    /// A frame was encoded only when it was due. `past`: samples that no more wait.
    pub fn hurry(&mut self, past: u64) {
        self.hurried += u64::from(self.is_all_live(past));
    }

    /// A slot is to be passed over, once.
    pub fn take_slot(&mut self) -> bool {
        std::mem::take(&mut self.is_too_short)
    }

    /// What waited is thrown away.
    pub fn flush(&mut self) {
        self.is_too_short = false;
    }

    /// What is to be skipped, once; 0 while something waits that is not live. `past`: samples that no more wait.
    pub fn take_excess_ms(&mut self, past: u64) -> u64 {
        if self.is_all_live(past) { std::mem::take(&mut self.excess_ms) } else { 0 }
    }

    fn is_all_live(&self, past: u64) -> bool {
        self.live_from.is_some_and(|from| from <= past)
    }
}
