//! Whatever unpacks can be packed again, and unpacks to the same records.
#![no_main]

use antiphon_wire::hop;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    let mut packed = Vec::new();
    let mut read = Vec::new();
    for record in hop::records(datagram) {
        let Ok(record) = record else { return };
        let listed: usize = hop::tlvs(record.tlvs).map(|(_, value)| 2 + value.len()).sum();
        assert!(listed <= record.tlvs.len());
        let before = packed.len();
        assert!(record.encode_into(&mut packed), "a record that was read cannot be written");
        assert_eq!(packed.len() - before, record.encoded_len());
        read.push(record);
    }
    let again: Vec<_> = hop::records(&packed).collect::<Result<_, _>>().expect("what we write, we read");
    assert_eq!(again, read);
    assert_eq!(packed.len(), datagram.len());
});
