//! A receiver by the letter of RFC 9260 §6.6 and RFC 3758 §3.6: it would wait for ever for a sequence number that does not
//! come. Ours does not look at them, so what it understands says nothing of others.

use std::collections::{BTreeMap, HashMap};

use antiphon_media::sctp::{Chunk, Packet};

pub struct Witness {
    /// Counted from the first TSN.
    first: u32,
    next: u64,
    held: BTreeMap<u64, Piece>,
    sequences: HashMap<u16, u16>,
}

#[derive(Clone, Copy)]
struct Piece {
    stream: u16,
    sequence: u16,
    is_ordered: bool,
    is_last: bool,
}

impl Witness {
    pub fn from(first: u32) -> Self {
        Self { first, next: 0, held: BTreeMap::new(), sequences: HashMap::new() }
    }

    pub fn hear(&mut self, packet: &[u8]) {
        for chunk in Packet::parse(packet).unwrap().chunks {
            match chunk {
                Chunk::Data(data) => {
                    let piece = Piece {
                        stream: data.stream,
                        sequence: data.sequence,
                        is_ordered: !data.is_unordered(),
                        is_last: data.is_last(),
                    };
                    let place = self.place(data.tsn);
                    if place >= self.next {
                        self.held.insert(place, piece);
                    }
                }
                Chunk::ForwardTsn(forward) => self.skip(self.place(forward.cumulative), forward.streams()),
                _ => {}
            }
            self.advance();
        }
    }

    fn place(&self, tsn: u32) -> u64 {
        // No story is long enough for a turn of the circle.
        u64::from(tsn.wrapping_sub(self.first))
    }

    fn skip(&mut self, last: u64, streams: impl Iterator<Item = (u16, u16)>) {
        if last < self.next || last > self.next + (1 << 31) {
            return;
        }
        self.held.retain(|place, _| *place > last);
        self.next = last + 1;
        for (stream, sequence) in streams {
            let expected = self.sequences.entry(stream).or_default();
            if sequence.wrapping_sub(*expected) < 1 << 15 {
                *expected = sequence.wrapping_add(1);
            }
        }
    }

    fn advance(&mut self) {
        while let Some(piece) = self.held.remove(&self.next) {
            self.next += 1;
            if piece.is_ordered {
                let expected = self.sequences.entry(piece.stream).or_default();
                assert_eq!(piece.sequence, *expected, "stream {} would wait for ever", piece.stream);
                *expected = expected.wrapping_add(u16::from(piece.is_last));
            }
        }
    }
}
