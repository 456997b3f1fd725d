//! `DataChannels`: one call's data channels as Python sees them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use antiphon_media::data_channel::{self, ChannelEvent, Config, Phase};
use antiphon_media::sctp::{self, Ended, Secrets};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::shared_tenure::SharedTenure;

/// What an event is, in the numbers that Python knows.
#[derive(Clone, Copy)]
#[repr(u8)]
enum EventKind {
    Opened,
    Text,
    Binary,
    Closed,
    Ended,
}

/// By the names that Python knows them by.
pub fn kinds() -> [(&'static str, u8); 5] {
    [
        ("CHANNEL_OPENED", EventKind::Opened as u8),
        ("CHANNEL_TEXT", EventKind::Text as u8),
        ("CHANNEL_BINARY", EventKind::Binary as u8),
        ("CHANNEL_CLOSED", EventKind::Closed as u8),
        ("CHANNELS_ENDED", EventKind::Ended as u8),
    ]
}

#[pyclass(frozen, module = "antiphon_transceiver._extension")]
pub struct DataChannels {
    channels: Mutex<Channels>,
}

/// What a tenure holds back stays in the association: it is not asked for packets, and so does not think that they went.
pub struct Channels {
    pub config: Config,
    pub inner: data_channel::DataChannels,
    /// None: whatever there is may be sent.
    tenure: Option<Arc<SharedTenure>>,
}

#[pymethods]
impl DataChannels {
    #[new]
    #[pyo3(signature = (*, is_dtls_client, remote_port, largest_incoming, largest_outgoing, largest_backlog, random))]
    fn new(
        is_dtls_client: bool,
        remote_port: u16,
        largest_incoming: usize,
        largest_outgoing: usize,
        largest_backlog: usize,
        random: &[u8],
    ) -> PyResult<Self> {
        let random = random.try_into().map_err(|_| PyValueError::new_err("40 random bytes are needed"))?;
        let sctp =
            sctp::Config { remote_port, largest_message: largest_incoming, largest_backlog, ..sctp::Config::default() };
        let config = Config { sctp, is_dtls_client, largest_outgoing, is_always_reliable: true };
        Ok(Self::over(config, data_channel::DataChannels::new(config, Secrets::from_random(random))))
    }

    fn connect(&self) {
        self.hold().inner.connect();
    }

    fn handle(&self, now_us: u64, packet: &[u8]) {
        let mut channels = self.hold();
        if !channels.is_over() {
            channels.inner.handle(now_us, packet);
        }
    }

    fn events(&self) -> Vec<(u8, u16, String)> {
        let channels = &mut self.hold().inner;
        let mut events = Vec::new();
        while let Some(event) = channels.poll_event() {
            let (kind, stream, text) = match event {
                ChannelEvent::Opened(stream) => (EventKind::Opened, stream, label(channels, stream)),
                ChannelEvent::Text(stream, text) => (EventKind::Text, stream, text),
                ChannelEvent::Binary(stream, _) => (EventKind::Binary, stream, String::new()),
                ChannelEvent::Closed(stream, _) => (EventKind::Closed, stream, String::new()),
                ChannelEvent::Ended(ended) => (EventKind::Ended, 0, why(ended).to_owned()),
                ChannelEvent::Established | ChannelEvent::CaughtUp { .. } => continue,
            };
            events.push((kind as u8, stream, text));
        }
        events
    }

    fn packets<'py>(&self, py: Python<'py>, now_us: u64) -> Vec<Bound<'py, PyBytes>> {
        let mut channels = self.hold();
        std::iter::from_fn(|| channels.poll_transmit(now_us)).map(|packet| PyBytes::new(py, &packet)).collect()
    }

    fn next_timeout_us(&self) -> Option<u64> {
        let channels = self.hold();
        if channels.is_covered() { channels.inner.next_timeout() } else { None }
    }

    fn send_text(&self, now_us: u64, stream: u16, text: &str) -> bool {
        let mut channels = self.hold();
        !channels.is_over() && channels.inner.send_text(now_us, stream, text).is_ok()
    }

    fn is_open(&self, stream: u16) -> bool {
        let channels = &self.hold().inner;
        channels.channel(stream).is_some_and(|channel| matches!(channel.phase, Phase::Opening | Phase::Open))
    }

    fn open_streams(&self) -> Vec<(u16, String)> {
        let channels = &self.hold().inner;
        let open = channels.channels().filter(|channel| channel.phase == Phase::Open);
        open.map(|channel| (channel.stream, channel.opening.label.clone())).collect()
    }

    fn close(&self, stream: u16) {
        self.hold().inner.close(stream);
    }

    fn abort(&self) {
        self.hold().inner.abort();
    }

    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let channels = &self.hold().inner;
        let counters = channels.association().counters();
        let labels = PyDict::new(py);
        for (label, count) in [
            ("packets_received", counters.packets_received),
            ("packets_sent", counters.packets_sent),
            ("malformed_packets", counters.malformed_packets),
            ("foreign_packets", counters.foreign_packets),
            ("unexpected_chunks", counters.unexpected_chunks),
            ("duplicate_chunks", counters.duplicate_chunks),
            ("dropped_chunks", counters.dropped_chunks),
            ("retransmission_timeouts", counters.retransmission_timeouts),
            ("lost_messages", counters.lost_messages),
            ("ignored_messages", channels.ignored()),
        ] {
            labels.set_item(label, count)?;
        }
        Ok(labels)
    }
}

impl DataChannels {
    /// `inner` may be another owner's that is gone on with.
    pub fn over(config: Config, inner: data_channel::DataChannels) -> Self {
        Self { channels: Mutex::new(Channels { config, inner, tenure: None }) }
    }

    /// From now on it is asked before packets are sent; `false` where another one is.
    pub fn ask_for(&self, tenure: &Arc<SharedTenure>) -> bool {
        let mut channels = self.hold();
        let is_first = channels.tenure.is_none();
        channels.tenure.get_or_insert_with(|| Arc::clone(tenure));
        is_first
    }

    /// Held for no longer than it takes to look at one packet, or to copy what is on its way.
    pub fn hold(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channels {
    /// None where there is no association any more.
    pub fn next_tsn(&self) -> Option<u32> {
        let association = self.inner.association();
        (!association.has_ended()).then(|| association.next_tsn())
    }

    /// What waits has to wait for the next export to be stored.
    pub fn is_held_back(&self) -> bool {
        !self.is_over() && !self.is_covered()
    }

    fn poll_transmit(&mut self, now_us: u64) -> Option<Vec<u8>> {
        if self.is_covered() { self.inner.poll_transmit(now_us) } else { None }
    }

    fn is_covered(&self) -> bool {
        let next_tsn = self.inner.association().next_tsn();
        self.tenure.as_ref().is_none_or(|tenure| tenure.covers(next_tsn))
    }

    fn is_over(&self) -> bool {
        self.tenure.as_ref().is_some_and(|tenure| tenure.is_over())
    }
}

fn label(channels: &data_channel::DataChannels, stream: u16) -> String {
    channels.channel(stream).map(|channel| channel.opening.label.clone()).unwrap_or_default()
}

fn why(ended: Ended) -> &'static str {
    match ended {
        Ended::ShutDown => "shut_down",
        Ended::Aborted => "aborted",
        Ended::AbortedByPeer => "aborted_by_peer",
        Ended::Unreachable => "unreachable",
        Ended::Irrecoverable => "irrecoverable",
    }
}
