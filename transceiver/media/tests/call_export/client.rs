//! The client: our own receivers in its place, and a memory of what it got.

use std::collections::HashSet;

use antiphon_media::data_channel::{ChannelEvent, DataChannels};
use antiphon_media::dtls_records::{self, Unprotected};
use antiphon_media::srtp::{self, Opening, Profile, Refusal};

use crate::owner::{CHANNEL, client_rtp, suite};
use crate::typical::{CLIENT_SSRC, config, secrets, session, srtp_keys};

pub struct Client {
    sender: srtp::Sender,
    receiver: srtp::Receiver,
    records: dtls_records::Sender,
    pub opener: dtls_records::Receiver,
    pub channels: DataChannels,
    /// Messages, in the order of their arrival.
    pub texts: Vec<u64>,
    pub has_ended: bool,
    /// Of RTP.
    pub highest: Option<u64>,
    sent: u64,
}

impl Client {
    pub fn new(profile: Profile, first_sequence: u16) -> Self {
        let keys = srtp_keys(profile, false);
        let state = dtls_records::ReceiverState::default();
        Self {
            sender: srtp::Sender::new(&keys, &[Opening { ssrc: CLIENT_SSRC, first_sequence }]).unwrap(),
            receiver: srtp::Receiver::new(&keys),
            records: dtls_records::Sender::new(&session(suite(), false), 1).unwrap(),
            opener: dtls_records::Receiver::new(&session(suite(), false), state).unwrap(),
            channels: DataChannels::new(config(false), secrets(2)),
            texts: Vec::new(),
            has_ended: false,
            highest: None,
            sent: 0,
        }
    }

    pub fn hear_rtp(&mut self, packet: &[u8]) -> Result<u64, Refusal> {
        let index = self.receiver.unprotect_rtp(&mut packet.to_vec())?;
        self.highest = self.highest.max(Some(index));
        Ok(index)
    }

    pub fn hear_rtcp(&mut self, packet: &[u8]) -> Result<u64, Refusal> {
        self.receiver.unprotect_rtcp(&mut packet.to_vec()).map(u64::from)
    }

    /// Whether the record was let in.
    pub fn hear_record(&mut self, now_us: u64, record: &[u8]) -> bool {
        let said = self.opener.unprotect(record);
        for unprotected in &said {
            if let Unprotected::Application(packet) = unprotected {
                self.channels.handle(now_us, packet);
            }
        }
        self.hear_events();
        !said.is_empty()
    }

    pub fn rtp(&mut self) -> Vec<u8> {
        let mut packet = client_rtp(self.sent);
        self.sent += 1;
        self.sender.protect_rtp(&mut packet).unwrap();
        packet
    }

    pub fn say(&mut self, now_us: u64, number: u64) -> bool {
        self.channels.send_text(now_us, CHANNEL, &number.to_string()).is_ok()
    }

    pub fn transmit(&mut self, now_us: u64) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        while let Some(packet) = self.channels.poll_transmit(now_us) {
            records.push(self.records.protect(&packet).unwrap());
        }
        self.hear_events();
        records
    }

    /// Nothing comes twice.
    pub fn assert_texts_are_new(&self) {
        let distinct: HashSet<&u64> = self.texts.iter().collect();
        assert_eq!(distinct.len(), self.texts.len(), "twice: {:?}", self.texts);
    }

    fn hear_events(&mut self) {
        while let Some(event) = self.channels.poll_event() {
            match event {
                ChannelEvent::Text(_, text) => self.texts.push(text.parse().unwrap()),
                ChannelEvent::Ended(_) => self.has_ended = true,
                _ => {}
            }
        }
    }
}
