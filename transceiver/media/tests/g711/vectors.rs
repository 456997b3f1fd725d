//! The vectors of `tests/vectors/g711.json`: what Python's audioop makes of every code and of every sample not below zero. A
//! Python test holds the file against audioop.

use antiphon_media::codec::{Decoder, Encoder, Undecodable, Unencodable};
use antiphon_media::g711::{G711Decoder, G711Encoder, Law, SAMPLE_RATE};
use serde_json::Value;

const LAWS: [(&str, Law); 2] = [("mu", Law::Mu), ("a", Law::A)];

fn document(law: &str) -> Value {
    let path = format!("{}/../../tests/vectors/g711.json", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap()[law].take()
}

#[test]
fn every_code_is_the_sample_that_audioop_makes_of_it() {
    for (name, law) in LAWS {
        let document = document(name);
        let samples = document["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 256);
        let codes: Vec<u8> = (0..=255).collect();
        let mut decoded = Vec::new();
        G711Decoder::new(law).decode(&codes, false, &mut decoded).unwrap();
        assert!(decoded.iter().zip(samples).all(|(sample, theirs)| theirs == *sample), "{name}: {decoded:?}");
    }
}

#[test]
fn every_sample_has_the_code_that_audioop_gives_it() {
    for (name, law) in LAWS {
        let document = document(name);
        let steps = document["steps"].as_array().unwrap();
        assert_eq!(steps.len(), 128, "{name}");
        let mut theirs = Vec::new();
        for (step, next) in steps.iter().zip(steps.iter().skip(1).map(Some).chain([None])) {
            let end = next.map_or(32_768, |next| next[0].as_u64().unwrap());
            theirs.resize(end as usize, step[1].as_u64().unwrap() as u8);
        }
        assert_eq!(theirs.len(), 32_768);
        for (sample, code) in (0..=i16::MAX).zip(theirs) {
            assert_eq!(law.encode(sample), code, "{name} {sample}");
            // One's complement below zero, as in ITU-T G.191: only the sign bit differs.
            assert_eq!(law.encode(!sample), code ^ 0x80, "{name} {}", !sample);
        }
    }
}

#[test]
fn the_ends_and_the_middle_are_those_of_the_standard() {
    // G.711 tables 1a to 2b, in the 16 bits of G.191.
    let table = [
        (Law::Mu, 0x80, 32_124),
        (Law::Mu, 0x00, -32_124),
        (Law::Mu, 0xFF, 0),
        (Law::Mu, 0x7F, 0),
        (Law::A, 0xAA, 32_256),
        (Law::A, 0x2A, -32_256),
        (Law::A, 0xD5, 8),
        (Law::A, 0x55, -8),
    ];
    for (law, code, sample) in table {
        assert_eq!(law.decode(code), sample, "{law:?} {code:#04x}");
    }
    for (law, sample, code) in [(Law::Mu, i16::MAX, 0x80), (Law::Mu, i16::MIN, 0x00), (Law::A, i16::MIN, 0x2A)] {
        assert_eq!(law.encode(sample), code);
    }
}

#[test]
fn what_was_decoded_is_encoded_as_it_was() {
    for (_, law) in LAWS {
        for code in 0..=255 {
            // µ-law has two zeros.
            let again = if (law, code) == (Law::Mu, 0x7F) { 0xFF } else { code };
            assert_eq!(law.encode(law.decode(code)), again, "{law:?}");
        }
    }
}

#[test]
fn a_frame_is_a_byte_a_sample_both_ways_and_nothing_is_no_frame() {
    let (mut encoder, mut decoder) = (G711Encoder::new(Law::A), G711Decoder::new(Law::A));
    assert_eq!((encoder.sample_rate(), decoder.sample_rate()), (SAMPLE_RATE, SAMPLE_RATE));
    let (mut payload, mut pcm) = (vec![1, 2], vec![3]);
    encoder.encode(&[100; 160], &mut payload).unwrap();
    decoder.decode(&payload[2..], false, &mut pcm).unwrap();
    assert_eq!((payload.len(), pcm.len()), (162, 161));
    assert_eq!(encoder.encode(&[], &mut payload), Err(Unencodable));
    assert_eq!(decoder.decode(&[], false, &mut pcm), Err(Undecodable));
    assert_eq!(decoder.decode(&[1], true, &mut pcm), Err(Undecodable));
    assert_eq!((payload.len(), pcm.len()), (162, 161));
}
