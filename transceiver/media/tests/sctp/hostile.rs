//! A peer that knows the tags and abuses them: what it can make us hold, compute or answer.

use antiphon_media::sctp::{
    Address, Assembly, Chunk, Config, Event, MOST_AHEAD, MOST_CONTROL_CHUNKS, Malformed, OVERHEAD, Packet, Writer, kind,
};

use crate::link::{BINARY, Conditions, Pair, SECOND, Side, reliable};

const FIRST: u8 = 2;
const LAST: u8 = 1;
const UNORDERED: u8 = 4;
const MOST_RECEIVED: usize = Config::most_received(Config::DEFAULT.receive_window);

/// The right side's association is abused by whoever holds this; it goes on itself, too.
struct Abuse {
    pair: Pair,
    tag: u32,
    tsn: u32,
}

impl Abuse {
    fn new(config: Config) -> Self {
        let pair = Pair::established(config, Conditions::default(), 1);
        let tag = pair.left.state(pair.now_us).unwrap().local_tag;
        let tsn = pair.right.next_tsn();
        Self { pair, tag, tsn }
    }

    fn packet(&self, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let address = Address { source_port: 5000, destination_port: 5000, tag: self.tag };
        let mut writer = Writer::new(address, 1400);
        write(&mut writer);
        writer.finish()
    }

    fn send(&mut self, write: impl FnOnce(&mut Writer)) {
        let packet = self.packet(write);
        self.pair.left.handle(self.pair.now_us, &packet);
    }

    fn send_chunk(&mut self, kind: u8, body: &[u8]) {
        self.send(|writer| assert!(writer.chunk(kind, 0, |chunk| chunk.extend(body))));
    }

    /// A DATA chunk so many places ahead of the next.
    fn data(&mut self, ahead: u32, flags: u8, payload: &[u8]) {
        let tsn = self.tsn.wrapping_add(ahead);
        self.send(|writer| {
            writer.chunk(kind::DATA, flags, |body| {
                body.extend(tsn.to_be_bytes());
                body.extend([0, 9, 0, 0]);
                body.extend(BINARY.to_be_bytes());
                body.extend(payload);
            });
        });
    }

    fn answers(&mut self) -> Vec<Vec<u8>> {
        let now_us = self.pair.now_us;
        std::iter::from_fn(|| self.pair.left.poll_transmit(now_us)).collect()
    }

    /// What the next SACK says of it.
    fn window(&mut self) -> u32 {
        let answers = self.answers();
        let Chunk::Sack(sack) = &Packet::parse(&answers[0]).unwrap().chunks[0] else { panic!("{answers:?}") };
        sack.window
    }

    /// Bytes held ahead, and of the message in the making.
    fn held(&mut self) -> (usize, usize) {
        while self.pair.left.poll_event().is_some() {}
        let state = self.pair.left.state(self.pair.now_us).unwrap();
        let assembly = if let Assembly::Open(message) = state.assembly { message.payload.len() } else { 0 };
        (state.held.len(), assembly)
    }

    /// The association still does what it is for.
    fn assert_alive(&mut self) {
        self.pair.left.send(reliable(0), b"to the right").unwrap();
        self.pair.pass(5 * SECOND);
        assert_eq!(Pair::messages(&self.pair.right_events), [b"to the right"]);
        assert_eq!(self.pair.left.backlog(), 0);
    }
}

#[test]
fn a_parameter_of_length_zero_is_malformed() {
    let mut abuse = Abuse::new(Config::default());
    let endless = [[0; 16].as_slice(), &[0xC0, 0, 0, 0]].concat();
    for (kind, body) in [(kind::INIT, endless.as_slice()), (kind::HEARTBEAT, &endless[16..])] {
        let packet = abuse.packet(|writer| assert!(writer.chunk(kind, 0, |chunk| chunk.extend(body))));
        assert_eq!(Packet::parse(&packet), Err(Malformed::ChunkBody));
    }
    abuse.send_chunk(kind::HEARTBEAT, &endless[16..]);
    assert_eq!(abuse.pair.left.counters().malformed_packets, 1);
    abuse.assert_alive();
}

#[test]
fn what_is_not_of_its_chunks_form_is_malformed() {
    let abuse = Abuse::new(Config::default());
    let cases: [(u8, &[u8]); 9] = [
        (kind::INIT, &[1; 15]),
        (kind::INIT, &[0; 16]),
        (kind::SACK, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 44, 0, 0]),
        (kind::DATA, &[0; 12]),
        (kind::SHUTDOWN, &[0; 3]),
        (kind::RE_CONFIG, &[0, 13, 0, 8, 0, 0, 0, 0]),
        (kind::RE_CONFIG, &[0, 13, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]),
        (kind::RE_CONFIG, &[0, 16, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0].repeat(3)),
        (kind::FORWARD_TSN, &[0; 5]),
    ];
    for (kind, body) in cases {
        let packet = abuse.packet(|writer| assert!(writer.chunk(kind, 0, |chunk| chunk.extend(body))));
        assert_eq!(Packet::parse(&packet), Err(Malformed::ChunkBody), "{kind} {body:?}");
    }
}

#[test]
fn more_control_chunks_than_a_stack_sends_are_not_answered() {
    let mut abuse = Abuse::new(Config::default());
    abuse.send(|writer| while writer.chunk(kind::HEARTBEAT, 0, |body| body.extend([0, 1, 0, 4])) {});
    assert_eq!(abuse.pair.left.counters().malformed_packets, 1);
    assert_eq!(abuse.answers(), Vec::<Vec<u8>>::new());
    abuse.send(|writer| {
        for _ in 0..MOST_CONTROL_CHUNKS {
            assert!(writer.chunk(kind::HEARTBEAT, 0, |body| body.extend([0, 1, 0, 4])));
        }
    });
    assert_eq!(abuse.answers().len(), 1);
}

#[test]
fn an_answer_is_no_larger_than_the_question() {
    let mut abuse = Abuse::new(Config::default());
    let info = [[0, 1].as_slice(), &1300_u16.to_be_bytes(), &[7; 1296]].concat();
    abuse.send_chunk(kind::HEARTBEAT, &info);
    assert_eq!(abuse.answers().len(), 0);
    abuse.send_chunk(kind::HEARTBEAT, &[[0, 1].as_slice(), &1000_u16.to_be_bytes(), &[7; 996]].concat());
    let answers = abuse.answers();
    assert_eq!((answers.len(), answers[0].len()), (1, 12 + 4 + 1000));
    // An unknown chunk is told of by its beginning.
    abuse.send_chunk(0xC5, &[7; 1300]);
    assert_eq!(abuse.answers()[0].len(), 12 + 4 + 4 + 64);
}

#[test]
fn acknowledgements_of_the_whole_number_space_cost_nothing() {
    let mut abuse = Abuse::new(Config::default());
    for _ in 0..20 {
        abuse.pair.left.send(reliable(0), &[7; 900]).unwrap();
    }
    abuse.answers();
    let acknowledged = abuse.pair.left.state(abuse.pair.now_us).unwrap().acknowledged_tsn;
    for (number, cumulative) in [acknowledged, acknowledged.wrapping_add(21), acknowledged.wrapping_sub(1)]
        .into_iter()
        .cycle()
        .take(3000)
        .enumerate()
    {
        let mut body = cumulative.to_be_bytes().to_vec();
        body.extend([0, 1, 0, 0, 0, 250, 0, 0]);
        for block in 0..250_u16 {
            let (first, last) = if number % 2 == 0 { (1, u16::MAX) } else { (block * 261, block * 261 + 9) };
            body.extend(first.to_be_bytes());
            body.extend(last.to_be_bytes());
        }
        abuse.send_chunk(kind::SACK, &body);
    }
    // What was never sent is not acknowledged.
    assert_eq!(abuse.pair.left.counters().unexpected_chunks, 1000);
    abuse.pair.pass(30 * SECOND);
    assert_eq!(Pair::messages(&abuse.pair.right_events).len(), 20);
}

#[test]
fn data_far_ahead_is_not_kept() {
    let mut abuse = Abuse::new(Config::default());
    for ahead in [MOST_AHEAD as u32, 100_000, 1 << 30, (1 << 31) - 2] {
        abuse.data(ahead, FIRST | LAST, &[7; 1000]);
    }
    assert_eq!(abuse.held(), (0, 0));
    assert_eq!(abuse.pair.left.counters().dropped_chunks, 4);
    abuse.assert_alive();
}

#[test]
fn what_is_held_behind_a_gap_is_bounded_by_its_bytes_and_by_its_pieces() {
    for (length, flags) in [(1, 0), (1000, 0), (1, FIRST | LAST | UNORDERED)] {
        let mut abuse = Abuse::new(Config::default());
        for ahead in 0..3000 {
            // Every second place, so that there are as many gaps.
            abuse.data(2 * ahead + 1, flags, &vec![7; length]);
        }
        let (held, _) = abuse.held();
        assert!(held * (length + OVERHEAD) <= MOST_RECEIVED, "{held}");
        assert!(held >= 110, "{held}");
        let sacks = abuse.answers();
        assert!(sacks.iter().all(|sack| sack.len() <= 1160));
    }
}

#[test]
fn fragments_without_end_are_not_kept_and_the_next_message_is() {
    let config = Config { largest_message: 50_000, ..Config::default() };
    for length in [1, 1000] {
        let mut abuse = Abuse::new(config);
        let mut most = 0;
        for ahead in 0..20_000 {
            abuse.data(ahead, if ahead == 0 { FIRST } else { 0 }, &vec![7; length]);
            if ahead % 7 == 0 {
                most = most.max(abuse.held().1);
                abuse.answers();
            }
        }
        assert!((19_000..=50_000).contains(&most), "{most}");
        abuse.data(20_000, LAST, b"the end");
        abuse.data(20_001, FIRST | LAST, b"next");
        let events: Vec<Event> = std::iter::from_fn(|| abuse.pair.left.poll_event()).collect();
        let messages = Pair::messages(&events);
        assert_eq!(messages.last().unwrap(), b"next");
        assert_eq!(messages.len(), if length == 1 { 2 } else { 1 });
    }
}

#[test]
fn messages_that_nobody_takes_close_the_window() {
    let mut abuse = Abuse::new(Config::default());
    let mut taken = 0;
    for ahead in 0..3000 {
        let before = abuse.pair.left.counters().dropped_chunks;
        abuse.data(ahead, FIRST | LAST, b"x");
        taken += usize::from(abuse.pair.left.counters().dropped_chunks == before);
    }
    assert!(taken <= 1 + MOST_RECEIVED / OVERHEAD, "{taken}");
}

#[test]
fn every_stream_is_taken_and_none_is_kept() {
    let mut abuse = Abuse::new(Config::default());
    for stream in 0..10_000_u32 {
        let tsn = abuse.tsn.wrapping_add(stream);
        abuse.send(|writer| {
            writer.chunk(kind::DATA, FIRST | LAST, |body| {
                body.extend(tsn.to_be_bytes());
                body.extend((stream as u16).to_be_bytes());
                body.extend([0; 6]);
                body.push(7);
            });
        });
        assert!(abuse.pair.left.poll_event().is_some());
    }
    let state = abuse.pair.left.state(abuse.pair.now_us).unwrap();
    assert_eq!((state.streams.len(), state.held.len()), (0, 0));
    assert_eq!(state.received_tsn, abuse.tsn.wrapping_add(9_999));
}

#[test]
fn streams_that_nobody_listens_to_wait_in_bounds_to_begin_anew() {
    let mut abuse = Abuse::new(Config::default());
    for stream in 0..u16::MAX {
        abuse.pair.left.reset_stream(stream);
    }
    assert_eq!(abuse.pair.left.state(abuse.pair.now_us).unwrap().resets.wanted.len(), 256);
}

#[test]
fn what_the_window_says_fits_into_it() {
    let mut abuse = Abuse::new(Config::default());
    abuse.data(1, 0, &[7; 1132]);
    let window = abuse.window() as usize;
    assert!((130_000..160 * 1024).contains(&window), "{window}");
    for ahead in 0..window / 1132 {
        abuse.data(2 + ahead as u32, 0, &[7; 1132]);
    }
    let (held, _) = abuse.held();
    assert_eq!(held, 1 + window / 1132);
    assert!(held * (1132 + OVERHEAD) <= Config::default().receive_window, "{held}");
}

#[test]
fn a_window_with_room_for_less_than_a_packet_is_said_to_be_closed_and_what_is_under_way_is_taken() {
    let mut abuse = Abuse::new(Config::default());
    let (mut ahead, mut windows) = (0, Vec::new());
    while windows.last() != Some(&0) {
        ahead += 1;
        abuse.data(ahead, 0, &[7; 100]);
        windows.push(abuse.window());
    }
    windows.pop();
    assert!(windows.iter().all(|window| *window >= 1200), "{windows:?}");
    // Small pieces, of which 128 bytes each were not counted by their sender.
    for more in 1..=100 {
        abuse.data(ahead + more, 0, &[7; 100]);
        assert_eq!(abuse.window(), 0);
    }
    assert_eq!(abuse.pair.left.counters().dropped_chunks, 0);
    // Said at once.
    abuse.data(0, 0, &[7; 100]);
    assert!(abuse.window() > 130_000);
}

#[test]
fn a_leap_of_half_the_number_space_costs_no_more_than_what_is_held() {
    let mut abuse = Abuse::new(Config::default());
    for ahead in 0..100 {
        abuse.data(2 * ahead + 1, FIRST | LAST, b"held");
    }
    let mut tsn = abuse.tsn;
    for _ in 0..10_000 {
        tsn = tsn.wrapping_add((1 << 31) - 1);
        let mut body = tsn.to_be_bytes().to_vec();
        body.extend((0..250_u16).flat_map(|stream| [stream.to_be_bytes(), [0; 2]]).flatten());
        abuse.send_chunk(kind::FORWARD_TSN, &body);
    }
    let events: Vec<Event> = std::iter::from_fn(|| abuse.pair.left.poll_event()).collect();
    // What was whole between the gaps is not lost by it.
    assert_eq!(Pair::messages(&events).len(), 100);
    assert_eq!(abuse.pair.left.state(abuse.pair.now_us).unwrap().received_tsn, tsn);
}

#[test]
fn inits_and_cookies_without_end_are_answered_and_forgotten() {
    let mut abuse = Abuse::new(Config::default());
    let own_tag = std::mem::take(&mut abuse.tag);
    for number in 1..1000_u32 {
        let mut hello = number.to_be_bytes().to_vec();
        hello.extend([0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
        abuse.send_chunk(kind::INIT, &hello);
    }
    assert!(abuse.answers().len() <= 1);
    abuse.tag = own_tag;
    for _ in 0..1000 {
        abuse.send_chunk(kind::COOKIE_ECHO, &[7; 60]);
    }
    assert!(abuse.answers().len() <= 2);
    abuse.assert_alive();
}

#[test]
fn resets_without_end_are_answered_one_by_one_and_change_nothing() {
    let mut abuse = Abuse::new(Config::default());
    for number in 0..2000_u32 {
        let mut body = vec![0, 13, 0, 16];
        body.extend(number.to_be_bytes());
        body.extend([0; 8]);
        abuse.send_chunk(kind::RE_CONFIG, &body);
    }
    assert!(abuse.answers().len() <= 1);
    abuse.assert_alive();
}

#[test]
fn packets_of_others_are_not_looked_at() {
    let mut abuse = Abuse::new(Config::default());
    abuse.tag ^= 1;
    for kind in [kind::ABORT, kind::SHUTDOWN_ACK, kind::DATA, kind::COOKIE_ACK] {
        abuse.send_chunk(kind, &[7; 16]);
    }
    assert_eq!(abuse.pair.left.counters().foreign_packets, 4);
    abuse.tag ^= 1;
    let mut packet = abuse.packet(|writer| assert!(writer.chunk(kind::ABORT, 0, |_| {})));
    packet[9] ^= 1;
    abuse.pair.fly(Side::Left, &packet);
    abuse.pair.pass(SECOND);
    assert_eq!(abuse.pair.left.counters().malformed_packets, 1);
    abuse.assert_alive();
}

#[test]
fn unknown_chunks_are_treated_as_their_type_says() {
    // Skipped or not, told of or not (RFC 9260 §3.2): a message behind each.
    for (kind, is_skipped, is_told) in
        [(0x3F, false, false), (0x7F, false, true), (0xBF, true, false), (0xFF, true, true)]
    {
        let mut abuse = Abuse::new(Config::default());
        let tsn = abuse.tsn;
        abuse.send(|writer| {
            assert!(writer.chunk(kind, 0, |body| body.extend(b"what?")));
            writer.chunk(kind::DATA, FIRST | LAST, |body| {
                body.extend(tsn.to_be_bytes());
                body.extend([0; 8]);
                body.extend(b"message");
            });
        });
        assert_eq!(abuse.pair.left.poll_event().is_some(), is_skipped);
        let has_error = abuse.answers().iter().any(|packet| packet[12] == kind::ERROR);
        assert_eq!(has_error, is_told);
    }
}
