//! What an uplink makes of a call that came, in virtual time: the quality bench's own ear in the engine.
//!
//! `uplink_sound speed|accuracy [rtt_us]` reads one packet a line from its input, of fewer than 65,536 in all:
//! `sequence timestamp payload_type payload came_us… [again us…]`, the payload in hex. `came_us` is when a copy comes, of
//! which there may be none. With a round trip NACK is negotiated: what is asked for comes so much later, by the first time
//! behind `again`, which may be `lost`; asked for once more by the second; and then no more.
//!
//! It writes `pcm heard_us samples` whenever sound can be heard (16 bit, little endian, mono, 24 kHz, in hex) and at the end
//! `counted name=value …`. There is no clock: the same input gives the same output on any machine.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, BufRead, Write};

use antiphon_media::codec::{Coding, Decoder, Undecodable};
use antiphon_media::opus_packet::CLOCK_RATE;
use antiphon_media::receptions::Receptions;
use antiphon_media::rtp::Packet;
use antiphon_media::uplink::{Formats, Link, Mode, Settings, Uplink};
use opus::Channels;

const RATE: u32 = 24_000;
const OPUS: u8 = 111;
const RED: u8 = 63;

struct LibOpus(opus::Decoder);

impl LibOpus {
    fn run(&mut self, packet: &[u8], samples: usize, fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        let begin = out.len();
        out.resize(begin + samples, 0);
        let room = out.get_mut(begin..).ok_or(Undecodable)?;
        self.0.decode(packet, room, fec).map(|_| ()).map_err(|_| Undecodable)
    }
}

impl Decoder for LibOpus {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn decode(&mut self, packet: &[u8], fec: bool, out: &mut Vec<i16>) -> Result<(), Undecodable> {
        let ticks = Coding::Opus.duration(packet).ok_or(Undecodable)?;
        self.run(packet, (ticks * RATE / CLOCK_RATE) as usize, fec, out)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        // What libopus does not conceal stays silent.
        let _ = self.run(&[], samples, false, out);
    }

    fn reset(&mut self) {
        let _ = self.0.reset_state();
    }
}

struct Sent {
    timestamp: u32,
    payload_type: u8,
    payload: Vec<u8>,
    /// How long it takes when it is sent again, beside the round trip; `None` if that is lost.
    again_us: VecDeque<Option<u64>>,
}

#[derive(Default)]
struct Network {
    sent: HashMap<u16, Sent>,
    /// What is under way: when it comes, and its sequence number.
    coming: BTreeSet<(u64, u16)>,
}

impl Network {
    fn read(lines: impl Iterator<Item = io::Result<String>>) -> Result<Self, Box<dyn Error>> {
        let mut network = Self::default();
        for line in lines {
            let line = line?;
            let mut words = line.split_ascii_whitespace();
            let mut word = || words.next().ok_or("a line has four words at least");
            let (sequence, timestamp, payload_type) = (word()?.parse()?, word()?.parse()?, word()?.parse()?);
            let payload = bytes(word()?)?;
            for came_us in words.by_ref().take_while(|word| *word != "again") {
                network.coming.insert((came_us.parse()?, sequence));
            }
            let again_us = words.map(|us| us.parse().ok()).collect();
            network.sent.insert(sequence, Sent { timestamp, payload_type, payload, again_us });
        }
        Ok(network)
    }

    fn send_again(&mut self, sequence: u16, asked_us: u64, rtt_us: u64) {
        let sent = self.sent.get_mut(&sequence);
        if let Some(takes_us) = sent.and_then(|sent| sent.again_us.pop_front()).flatten() {
            self.coming.insert((asked_us + rtt_us + takes_us, sequence));
        }
    }

    fn packet(&self, sequence: u16) -> Option<Packet<'_>> {
        let Sent { timestamp, payload_type, payload, .. } = self.sent.get(&sequence)?;
        let (timestamp, payload_type) = (*timestamp, *payload_type);
        Some(Packet { payload_type, sequence, timestamp, ssrc: 1, payload, ..Packet::default() })
    }
}

fn bytes(hex: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16).ok_or("no hex digit");
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs.map(|pair| Ok(pair.iter().try_fold(0, |byte, each| digit(each).map(|low| byte << 4 | low))? as u8)).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mode = match std::env::args().nth(1).as_deref() {
        Some("speed") => Mode::Speed,
        Some("accuracy") => Mode::Accuracy,
        _ => return Err("usage: uplink_sound speed|accuracy [rtt_us]".into()),
    };
    let rtt_us = std::env::args().nth(2).map(|us| us.parse()).transpose()?;
    let formats = Formats { coding: Coding::Opus, payload_type: OPUS, red: Some(RED), comfort_noise: None };
    let decoder = LibOpus(opus::Decoder::new(RATE, Channels::Mono)?);
    let mut uplink = Uplink::new(decoder, Settings { formats, mode, nack: rtt_us.is_some() });
    uplink.set_link(Link { rtt_us, jitter_us: 0 });
    let mut network = Network::read(io::stdin().lock().lines())?;
    carry(&mut network, &mut uplink, rtt_us.unwrap_or_default(), &mut io::stdout().lock())?;
    let counted = uplink.statistics();
    let (concealed, recovered) = (counted.concealed_ms, counted.recovered_ms());
    println!("counted concealed_ms={concealed} recovered_ms={recovered} late={}", counted.late);
    Ok(())
}

fn carry(network: &mut Network, uplink: &mut Uplink<LibOpus>, rtt_us: u64, out: &mut impl Write) -> io::Result<()> {
    let (mut receptions, mut sound, mut due_us) = (Receptions::new(CLOCK_RATE), Vec::new(), None);
    while let Some((came_us, sequence)) = network.coming.first().copied() {
        let due = due_us.filter(|due_us| *due_us <= came_us);
        let now_us = due.unwrap_or(came_us);
        if due.is_some() {
            due_us = uplink.poll(now_us, &mut sound).filter(|next_us| *next_us > now_us);
        } else {
            network.coming.pop_first();
            let Some(packet) = network.packet(sequence) else { continue };
            due_us = uplink.receive(&packet, receptions.receive(&packet, now_us), now_us, &mut sound);
        }
        for asked in uplink.take_asked() {
            network.send_again(asked, now_us, rtt_us);
        }
        hand_out(now_us, &mut sound, out)?;
    }
    Ok(())
}

fn hand_out(us: u64, sound: &mut Vec<i16>, out: &mut impl Write) -> io::Result<()> {
    if sound.is_empty() {
        return Ok(());
    }
    let hex = sound.drain(..).flat_map(i16::to_le_bytes).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    writeln!(out, "pcm {us} {hex}")
}
