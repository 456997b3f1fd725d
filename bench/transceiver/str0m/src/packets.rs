//! The file of Opus packets that calls play: each after its length in two bytes, the lower first.

pub fn write(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for packet in packets {
        file.extend_from_slice(&(packet.len() as u16).to_le_bytes());
        file.extend_from_slice(packet);
    }
    file
}

/// Ends at the first packet that is not whole.
pub fn read(mut file: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while let Some((length, rest)) = file.split_first_chunk::<2>() {
        let Some((packet, rest)) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length))) else { break };
        packets.push(packet.to_vec());
        file = rest;
    }
    packets
}
