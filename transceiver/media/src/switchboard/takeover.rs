//! A call's place in the switchboard as a value: out of one process and into the next.

use std::collections::hash_map::Entry;

use super::{Call, Switchboard, UfragInUse};
use crate::ice::{IceLite, IceState};
use crate::inbox::Handle;
use crate::rtp::Sent;

impl Switchboard {
    /// `None` before the call's first check, once its consent has ended, and of a stranger.
    pub fn ice_state(&self, handle: Handle, now_ms: u64) -> Option<IceState> {
        self.calls.get(&handle)?.ice.state(now_ms)
    }

    /// A live call has one of these ufrags of ours: it cannot come here once more.
    pub fn knows(&self, state: &IceState) -> bool {
        let next = state.restart.as_ref().map(|restart| &restart.credentials);
        let mut own = [Some(&state.credentials), next].into_iter().flatten();
        own.any(|credentials| self.by_ufrag.contains_key(credentials.ufrag.as_bytes()))
    }

    /// Goes on with a call, `elapsed_ms` after its export: its addresses are known, and no event says that they were checked.
    pub fn resume_call(
        &mut self,
        now_ms: u64,
        route: u32,
        state: IceState,
        elapsed_ms: u64,
    ) -> Result<Handle, UfragInUse> {
        let ice = IceLite::resume(state, self.timers, now_ms, elapsed_ms);
        if ice.ufrags().any(|ufrag| self.by_ufrag.contains_key(ufrag.as_bytes())) {
            return Err(UfragInUse);
        }
        self.last_handle += 1;
        let handle = self.last_handle;
        self.next_deadline_ms = ice.deadline_ms().unwrap_or(u64::MAX).min(self.next_deadline_ms);
        // A call that lives here has checked what it has; an old export does not outrank it.
        let known: Vec<_> = ice.checked_clients().collect();
        let mut call = Call { route, ice, sent: Sent::default(), has_media: false };
        for client in known {
            match self.by_client.entry(client) {
                Entry::Occupied(_) => call.ice.forget(client),
                Entry::Vacant(place) => {
                    place.insert(handle);
                }
            }
        }
        self.by_ufrag.extend(call.ice.ufrags().map(|ufrag| (ufrag.as_bytes().into(), handle)));
        self.calls.insert(handle, call);
        Ok(handle)
    }
}
