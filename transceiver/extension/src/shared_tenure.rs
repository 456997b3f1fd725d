//! One call's tenure, as those share it who encrypt: the pacer and the worker, the DTLS records, the data channels.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use antiphon_media::call_export::{Conflict, Edition, Kind, Offer, Permit, Tenure};

/// Its lock is the last one that anybody takes: nothing is called under it.
pub struct SharedTenure {
    tenure: Mutex<Tenure>,
    /// Closed or fenced, for those who would not lock for it.
    is_over: AtomicBool,
}

impl SharedTenure {
    pub const fn new(tenure: Tenure) -> Self {
        Self { tenure: Mutex::new(tenure), is_over: AtomicBool::new(false) }
    }

    pub fn offer(&self, next_tsn: Option<u32>) -> Option<Offer> {
        self.tenure().offer(next_tsn)
    }

    pub fn settle(&self, offered: Edition, outcome: Result<(), Conflict>) {
        let mut tenure = self.tenure();
        tenure.settle(offered, outcome);
        if tenure.is_fenced() {
            self.is_over.store(true, Ordering::Release);
        }
    }

    pub fn begin_anew(&self) {
        self.tenure().begin_anew();
    }

    pub fn close(&self) {
        let mut tenure = self.tenure();
        tenure.close();
        self.is_over.store(!tenure.is_owning(), Ordering::Release);
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    pub fn is_fenced(&self) -> bool {
        self.tenure().is_fenced()
    }

    /// [`Tenure::covers`].
    pub fn covers(&self, next_tsn: u32) -> bool {
        self.tenure().covers(next_tsn)
    }

    fn tenure(&self) -> MutexGuard<'_, Tenure> {
        self.tenure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit for SharedTenure {
    fn takes(&self, kind: Kind) -> bool {
        self.tenure().takes(kind)
    }
}

impl fmt::Debug for SharedTenure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SharedTenure").finish_non_exhaustive()
    }
}
