//! Where a call's ICE stands, as plain values that another process goes on from.

use std::fmt;
use std::net::SocketAddr;

use super::{Credentials, IceLite, Restart, Stage, Timers};
use crate::pairs::CheckedPairs;
use crate::return_path::ReturnPath;
use crate::transactions::RecentTransactions;

/// An address that an authenticated check came from.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckedPair {
    pub client: SocketAddr,
    pub path: ReturnPath,
}

/// Credentials that the client may come back with.
#[derive(Clone, Debug)]
pub struct RestartState {
    pub credentials: Credentials,
    /// How long a call without consent waits for that.
    pub left_ms: u64,
}

/// The transaction ids that were seen are not in it (24 KB for an hour): a captured check may be replayed once more to the
/// next owner, until the client's next one.
#[derive(Clone)]
pub struct IceState {
    pub credentials: Credentials,
    /// Under way (RFC 8445 §9).
    pub restart: Option<RestartState>,
    /// The most recently checked last.
    pub pairs: Vec<CheckedPair>,
    /// Where the call's datagrams go; one of the pairs.
    pub selected: Option<SocketAddr>,
    /// Until consent ends if no check comes (RFC 7675 §5.1).
    pub consent_left_ms: u64,
}

impl IceState {
    /// As it stands `elapsed_ms` later, if nothing has come since.
    #[must_use]
    pub fn aged(mut self, elapsed_ms: u64) -> Self {
        self.consent_left_ms = self.consent_left_ms.saturating_sub(elapsed_ms);
        if let Some(restart) = &mut self.restart {
            restart.left_ms = restart.left_ms.saturating_sub(elapsed_ms);
        }
        self
    }
}

impl IceLite {
    /// `None` before the first check, and once it is over.
    pub fn state(&self, now_ms: u64) -> Option<IceState> {
        let pair = |(client, path): (SocketAddr, &ReturnPath)| CheckedPair { client, path: path.clone() };
        let restart = self.restart.as_ref().map(|restart| RestartState {
            credentials: restart.credentials.clone(),
            left_ms: restart.until_ms.saturating_sub(now_ms),
        });
        (self.stage == Stage::Checked).then(|| IceState {
            credentials: self.credentials.clone(),
            restart,
            pairs: self.pairs.iter().map(pair).collect(),
            selected: self.selected,
            consent_left_ms: self.consent_until_ms.saturating_sub(now_ms),
        })
    }

    /// Goes on after another owner, `elapsed_ms` after its export.
    ///
    /// A check that the other one has answered since is not known here, so consent may be older than it is, never younger. If
    /// it has run out, nothing is sent before the next check, for which there is as much time as for the first one of a
    /// call.
    pub fn resume(state: IceState, timers: Timers, now_ms: u64, elapsed_ms: u64) -> Self {
        let longest_ms = timers.setup_window_ms.max(timers.consent_ms);
        let left_ms = state.consent_left_ms.min(timers.consent_ms).saturating_sub(elapsed_ms);
        let has_consent = left_ms > 0;
        let mut pairs = CheckedPairs::default();
        for CheckedPair { client, path } in state.pairs {
            pairs.note(client, path, state.selected);
        }
        let selected = state.selected.filter(|client| has_consent && pairs.path(*client).is_some());
        let window_ms = if selected.is_some() { left_ms } else { timers.setup_window_ms };
        let restart = state.restart.map(|RestartState { credentials, left_ms }| Restart {
            credentials,
            until_ms: now_ms.saturating_add(left_ms.min(longest_ms).saturating_sub(elapsed_ms)),
        });
        Self {
            credentials: state.credentials,
            restart,
            timers,
            stage: Stage::Checked,
            consent_until_ms: now_ms.saturating_add(window_ms),
            transactions: RecentTransactions::default(),
            pairs,
            selected,
        }
    }
}

impl fmt::Debug for CheckedPair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CheckedPair").finish_non_exhaustive()
    }
}

impl fmt::Debug for IceState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("IceState").field("pairs", &self.pairs.len()).finish_non_exhaustive()
    }
}
