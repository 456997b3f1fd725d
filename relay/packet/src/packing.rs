//! Collects one batch's records into as few hop datagrams as the receivers take.

use std::collections::HashSet;
use std::net::SocketAddr;

use antiphon_wire::hop::{HEADER_LEN, MAX_PACKED, Record};

use crate::MAX_DATAGRAM;

/// One hop datagram to be.
#[derive(Debug)]
pub struct Packed {
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
    pub records: usize,
    /// Of all its records, without their headers.
    pub payload_bytes: usize,
}

/// Buffers are kept from batch to batch.
#[derive(Debug, Default)]
pub struct Packer {
    datagrams: Vec<Packed>,
    used: usize,
    /// Transceivers that asked for one record a datagram.
    no_pack: HashSet<SocketAddr>,
}

impl Packer {
    /// Adds a record behind those already there for the same receiver; `false` where no record can hold it.
    pub fn push(&mut self, to: SocketAddr, record: &Record<'_>) -> bool {
        let room_for = |packed: &Packed| packed.bytes.len() + record.encoded_len() <= MAX_PACKED;
        let single = !self.no_pack.is_empty() && self.no_pack.contains(&to);
        // Only the receiver's latest datagram may grow, or its packets would overtake one another.
        let latest = self.datagrams.iter_mut().take(self.used).rev().find(|packed| packed.to == to);
        if let Some(packed) = latest.filter(|packed| !single && room_for(packed)) {
            let whole = record.encode_into(&mut packed.bytes);
            if whole {
                packed.records += 1;
                packed.payload_bytes += record.payload.len();
            }
            return whole;
        }
        let packed = self.next(to);
        if !record.encode_into(&mut packed.bytes) {
            return false;
        }
        packed.records = 1;
        packed.payload_bytes = record.payload.len();
        self.used += 1;
        true
    }

    pub fn datagrams(&self) -> impl Iterator<Item = &Packed> {
        self.datagrams.iter().take(self.used)
    }

    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Notes what the `no_pack` flag of a transceiver's record said.
    pub fn set_no_pack(&mut self, transceiver: SocketAddr, no_pack: bool) {
        if no_pack {
            self.no_pack.insert(transceiver);
        } else if !self.no_pack.is_empty() {
            self.no_pack.remove(&transceiver);
        }
    }

    fn next(&mut self, to: SocketAddr) -> &mut Packed {
        if self.used == self.datagrams.len() {
            let bytes = Vec::with_capacity(HEADER_LEN + MAX_DATAGRAM);
            self.datagrams.push(Packed { to, bytes, records: 0, payload_bytes: 0 });
        }
        #[expect(clippy::indexing_slicing, reason = "it was pushed above where it was not there")]
        let packed = &mut self.datagrams[self.used];
        packed.to = to;
        packed.bytes.clear();
        packed
    }
}

#[cfg(test)]
mod tests {
    use antiphon_wire::hop;
    use proptest::prelude::*;

    use super::*;

    fn transceiver(number: u8) -> SocketAddr {
        ([127, 0, 0, 1], 7200 + u16::from(number)).into()
    }

    fn record(payload: &[u8]) -> Record<'_> {
        let client = ([192, 0, 2, 1], 5000).into();
        Record { route: 8, client, local_index: 1, no_pack: false, tlvs: &[], payload }
    }

    proptest! {
        #[test]
        fn every_receiver_gets_its_records_in_order(
            packets in proptest::collection::vec((0_u8..4, 1_usize..1500), 0..80), single in any::<bool>(),
        ) {
            let mut packer = Packer::default();
            packer.set_no_pack(transceiver(0), single);
            let payloads: Vec<(u8, Vec<u8>)> =
                packets.iter().enumerate().map(|(at, (to, len))| (*to, vec![at as u8; *len])).collect();
            for (to, payload) in &payloads {
                prop_assert!(packer.push(transceiver(*to), &record(payload)));
            }
            for number in 0..4 {
                let sent: Vec<&Packed> = packer.datagrams().filter(|packed| packed.to == transceiver(number)).collect();
                prop_assert!(sent.iter().all(|packed| packed.records == 1 || packed.bytes.len() <= MAX_PACKED));
                prop_assert!(number != 0 || !single || sent.iter().all(|packed| packed.records == 1));
                let got: Vec<Vec<u8>> = (sent.iter())
                    .flat_map(|packed| hop::records(&packed.bytes))
                    .map(|record| record.unwrap().payload.to_vec())
                    .collect();
                let expected: Vec<Vec<u8>> =
                    payloads.iter().filter(|(to, _)| *to == number).map(|(_, payload)| payload.clone()).collect();
                prop_assert_eq!(got, expected);
            }
        }
    }

    #[test]
    fn small_packets_of_one_pod_share_a_datagram_and_the_next_batch_starts_empty() {
        let mut packer = Packer::default();
        for _ in 0..14 {
            packer.push(transceiver(0), &record(&[0; 160]));
        }
        assert_eq!(packer.datagrams().map(|packed| packed.records).collect::<Vec<_>>(), [7, 7]);
        packer.clear();
        assert_eq!(packer.datagrams().count(), 0);
    }
}
