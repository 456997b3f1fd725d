//! One call's media as the threads share it: what is said, under a lock that nobody encodes under, and what was last known
//! of what is heard.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use antiphon_media::call_export::Permit;
use antiphon_media::downlink::Stream;
use antiphon_media::hearing::{HearingState, HearingStatistics};
use antiphon_media::inbox::Handle;
use antiphon_media::reception::Reception;
use antiphon_media::slots_left::SlotsLeft;
use antiphon_media::speaking::Speaking;
use antiphon_media::srtp::SrtpKeys;
use antiphon_media::uplink;

use crate::shared_tenure::SharedTenure;

/// As of the last packet or timer of the call.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub statistics: HearingStatistics,
    /// Of the stream that is on.
    pub reception: Option<Reception>,
    pub state: HearingState,
}

/// What was agreed on, for as long as the call lasts.
#[derive(Clone, Debug)]
pub struct Terms {
    pub said: Stream,
    pub heard: uplink::Settings,
    /// Samples a second of its PCM.
    pub sample_rate: u32,
    /// Of the sound that is sent, bits a second.
    pub bitrate: u32,
    pub cname: Box<str>,
}

pub struct Call {
    pub handle: Handle,
    pub terms: Terms,
    /// To its worker.
    pub slots_left: SlotsLeft,
    speaking: Mutex<Speaking>,
    heard: Mutex<Heard>,
    /// Once DTLS is done.
    keys: OnceLock<SrtpKeys>,
    /// Of a call that is exported.
    tenure: OnceLock<Arc<SharedTenure>>,
}

impl Call {
    pub fn new(handle: Handle, terms: Terms, speaking: Speaking) -> Self {
        Self {
            handle,
            terms,
            slots_left: SlotsLeft::default(),
            speaking: Mutex::new(speaking),
            heard: Mutex::default(),
            keys: OnceLock::new(),
            tenure: OnceLock::new(),
        }
    }

    /// Held for no longer than it takes to protect a packet, or to copy a piece of sound.
    pub fn speaking(&self) -> MutexGuard<'_, Speaking> {
        self.speaking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, where nobody else holds it.
    pub fn try_speaking(&self) -> Option<MutexGuard<'_, Speaking>> {
        match self.speaking.try_lock() {
            Ok(speaking) => Some(speaking),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Held for no longer than it takes to copy.
    pub fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kept for those who export the call. The first ones stay.
    pub fn keep_keys(&self, keys: SrtpKeys) {
        let _ = self.keys.set(keys);
    }

    /// None before DTLS is done.
    pub fn keys(&self) -> Option<&SrtpKeys> {
        self.keys.get()
    }

    /// From now on it is asked before anything is sent; `false` where another one is.
    pub fn ask_for(&self, tenure: &Arc<SharedTenure>) -> bool {
        let is_first = self.tenure.set(Arc::clone(tenure)).is_ok();
        if is_first {
            let permit: Arc<dyn Permit> = Arc::<SharedTenure>::clone(tenure);
            self.speaking().ask_for(permit);
        }
        is_first
    }

    /// The owner has said its last word, or another one has the call: nothing is taken in any more.
    pub fn is_over(&self) -> bool {
        self.tenure.get().is_some_and(|tenure| tenure.is_over())
    }
}
