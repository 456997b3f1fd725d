//! A switchboard with calls on it, and the relays and clients that talk to it.

use std::net::SocketAddr;

use antiphon_media::counters::DropReason;
use antiphon_media::ice::{Credentials, Timers};
use antiphon_media::inbox::{Delivery, Handle, Inbox, Kind};
use antiphon_media::switchboard::{RestartRefused, Switchboard};
use antiphon_wire::hop::{self, Record};
use antiphon_wire::stun::{self, Class, Encoder, Message, Role};

pub const ROUTE: u32 = 0x1000;
pub const PASSWORD: &str = "a-password-of-22-chars";
pub const NEXT_PASSWORD: &str = "another-password-of-22";
pub const TIMERS: Timers = Timers { setup_window_ms: 60_000, consent_ms: 30_000 };
pub const QUEUE_LIMIT: usize = 16;
pub const TOTAL_LIMIT: usize = 40;

pub fn client(number: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 7], 40_000 + number))
}

pub fn relay(number: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 7100 + number))
}

/// A datagram that came back: to which relay, and its records.
#[derive(Debug, PartialEq, Eq)]
pub struct Returned {
    pub relay: SocketAddr,
    pub client: SocketAddr,
    pub route: u32,
    pub local_index: u8,
    pub tlvs: Vec<u8>,
    pub payload: Vec<u8>,
}

pub struct Site {
    pub board: Switchboard,
    pub now_ms: u64,
}

impl Site {
    pub fn new() -> Self {
        let mut board = Switchboard::new(TIMERS, Inbox::new(QUEUE_LIMIT, TOTAL_LIMIT));
        board.set_relays((0..3).map(relay));
        Self { board, now_ms: 1_000 }
    }

    /// A site with the call `caller0`, and its handle.
    pub fn with_call() -> (Self, Handle) {
        let mut site = Self::new();
        let handle = site.add_call(0);
        (site, handle)
    }

    pub fn add_call(&mut self, number: u32) -> Handle {
        let credentials =
            Credentials { ufrag: ufrag(number), password: PASSWORD.to_owned(), remote_ufrag: "caller".to_owned() };
        self.board.add_call(self.now_ms, ROUTE, credentials).expect("the ufrag is new")
    }

    /// Hands in `payload` from `client` through `relay`.
    pub fn receive(&mut self, relay: SocketAddr, client: SocketAddr, payload: &[u8]) {
        self.receive_record(
            relay,
            &Record { route: ROUTE, client, local_index: 0, no_pack: false, tlvs: &[], payload },
        );
    }

    pub fn receive_record(&mut self, relay: SocketAddr, record: &Record<'_>) {
        let mut datagram = Vec::new();
        assert!(record.encode_into(&mut datagram));
        self.board.receive(self.now_ms, self.now_ms * 1_000, relay, &datagram);
    }

    /// Restarts the ICE of `handle` with the ufrag of `number` and [`NEXT_PASSWORD`].
    pub fn restart(&mut self, handle: Handle, number: u32) -> Result<(), RestartRefused> {
        let credentials = Credentials {
            ufrag: ufrag(number),
            password: NEXT_PASSWORD.to_owned(),
            remote_ufrag: "caller-again".to_owned(),
        };
        self.board.restart_call(self.now_ms, handle, credentials)
    }

    pub fn returned(&mut self) -> Vec<Returned> {
        let mut all = Vec::new();
        for datagram in self.board.datagrams() {
            all.extend(hop::records(&datagram.bytes).map(|record| {
                let record = record.unwrap();
                Returned {
                    relay: datagram.relay,
                    client: record.client,
                    route: record.route,
                    local_index: record.local_index,
                    tlvs: record.tlvs.to_vec(),
                    payload: record.payload.to_vec(),
                }
            }));
        }
        all
    }

    pub fn deliveries(&mut self) -> Vec<Delivery> {
        self.board.deliveries(usize::MAX)
    }

    pub fn kinds(&mut self) -> Vec<Kind> {
        self.deliveries().iter().map(|delivery| delivery.kind).collect()
    }

    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.board.counters().of(reason)
    }

    pub fn all_drops(&self) -> u64 {
        self.board.counters().drops().map(|(_, count)| count).sum()
    }
}

/// Call `number`'s ufrag on the server's side.
pub fn ufrag(number: u32) -> String {
    format!("ticket-of-call-{number:08}")
}

/// What a client sends to check its pair, with call 0 unless it says another.
#[derive(Clone, Copy)]
pub struct Binding<'a> {
    pub id: u64,
    pub call: u32,
    pub remote_ufrag: &'a str,
    pub password: &'a str,
    pub use_candidate: bool,
    pub role: Role,
}

impl Default for Binding<'_> {
    fn default() -> Self {
        Self {
            id: 1,
            call: 0,
            remote_ufrag: "caller",
            password: PASSWORD,
            use_candidate: false,
            role: Role::Controlling(0x0102_0304_0506_0708),
        }
    }
}

impl Binding<'_> {
    pub fn encoder(&self) -> Encoder {
        let username = format!("{}:{}", ufrag(self.call), self.remote_ufrag);
        let encoder = Encoder::new(Class::Request, transaction_id(self.id))
            .username(username.as_bytes())
            .role(self.role)
            .priority(0x6E7F_00FF);
        if self.use_candidate { encoder.use_candidate() } else { encoder }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.encoder().finish(self.password.as_bytes())
    }
}

pub fn check(id: u64) -> Vec<u8> {
    Binding { id, ..Binding::default() }.bytes()
}

pub fn nomination(id: u64) -> Vec<u8> {
    Binding { id, use_candidate: true, ..Binding::default() }.bytes()
}

/// A check with the credentials of [`Site::restart`].
pub fn next_check(id: u64, number: u32) -> Binding<'static> {
    Binding { id, call: number, remote_ufrag: "caller-again", password: NEXT_PASSWORD, ..Binding::default() }
}

pub fn transaction_id(id: u64) -> stun::TransactionId {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&id.to_be_bytes());
    bytes
}

/// The one answer that came back, verified under the call's password.
pub fn answer(returned: &[Returned]) -> Message<'_> {
    let [only] = returned else { panic!("{} answers instead of one", returned.len()) };
    let message = stun::parse(&only.payload).unwrap();
    assert!(message.verify(PASSWORD.as_bytes()));
    assert!(message.has_fingerprint);
    message
}

pub fn dtls() -> Vec<u8> {
    [&[22, 0xFE, 0xFD][..], &[0; 20]].concat()
}

pub fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 111];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0; 20]);
    packet
}

pub fn rtcp() -> Vec<u8> {
    vec![0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0]
}
