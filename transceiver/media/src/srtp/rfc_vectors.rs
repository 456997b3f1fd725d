//! The RFCs' own vectors, which are of session keys: below what a `Sender` and a `Receiver` show.

use aes::cipher::KeyInit;
use aes::{Aes128Enc, Aes256Enc};
use zeroize::Zeroizing;

use super::counter_mode::CounterMode;
use super::gcm::Gcm;
use super::header::RtcpTrailer;
use super::key_derivation::{Protocol, Use, derive};
use super::packet_id::PacketId;

fn bytes<const LENGTH: usize>(hex: &str) -> [u8; LENGTH] {
    unhex(hex).try_into().unwrap()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit.try_into().unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn the_keystream_is_that_of_rfc_3711_b_2() {
    let salt = Zeroizing::new(bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
    let cipher = CounterMode::from_session(&bytes("2B7E151628AED2A6ABF7158809CF4F3C"), salt, &[0; 20]);
    let mut stream = vec![0; 0xff02 * 16];
    cipher.apply_keystream(PacketId { ssrc: 0, index: 0 }, &mut stream);
    for (block, expected) in [
        (0x0000, "E03EAD0935C95E80E166B16DD92B4EB4"),
        (0x0001, "D23513162B02D0F72A43A2FE4A5F97AB"),
        (0x0002, "41E95B3BB0A2E8DD477901E4FCA894C0"),
        (0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
        (0xff00, "362B7C3C6773516318A077D7FC5073AE"),
        (0xff01, "6A2CC3787889374FBEB4C81B17BA6C44"),
    ] {
        assert_eq!(stream[block * 16..][..16], bytes::<16>(expected), "block {block:#x}");
    }
}

#[test]
fn session_keys_are_those_of_rfc_3711_b_3() {
    let prf = Aes128Enc::new(&bytes::<16>("E1F97A0D3E018BE0D64FA32C06DE4139").into());
    let salt = bytes::<14>("0EC675AD498AFEEBB6960B3AABE6");
    let key = derive::<16>(&prf, &salt, Protocol::Rtp, Use::Encryption);
    assert_eq!(*key, bytes("C61E7A93744F39EE10734AFE3FF7A087"));
    let session_salt = derive::<14>(&prf, &salt, Protocol::Rtp, Use::Salt);
    assert_eq!(*session_salt, bytes("30CBBC08863D8C85D49DB34A9AE1"));
    let authentication = derive::<94>(&prf, &salt, Protocol::Rtp, Use::Authentication);
    let expected = "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE E049646C43D9327AD175578EF7227098
        6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2";
    assert_eq!(*authentication, bytes(expected));
}

#[test]
fn session_keys_of_256_bits_are_those_of_rfc_6188_7_2() {
    let prf = Aes256Enc::new(&bytes::<32>("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6").into());
    let salt = bytes::<14>("3b04803de51ee7c96423ab5b78d2");
    let key = derive::<32>(&prf, &salt, Protocol::Rtp, Use::Encryption);
    assert_eq!(*key, bytes("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"));
    let session_salt = derive::<14>(&prf, &salt, Protocol::Rtp, Use::Salt);
    assert_eq!(*session_salt, bytes("fa31791685ca444a9e07c6c64e93"));
    let authentication = derive::<20>(&prf, &salt, Protocol::Rtp, Use::Authentication);
    assert_eq!(*authentication, bytes("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
}

/// RFC 7714 §16 and §17: the same for all.
const KEY: &str = "000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f";
const SALT: &str = "51756964 2070726f 2071756f";

fn gcm_128() -> Gcm<Aes128Enc> {
    Gcm::new(Aes128Enc::new(&bytes::<16>(&KEY[..32]).into()), Zeroizing::new(bytes(SALT)))
}

fn gcm_256() -> Gcm<Aes256Enc> {
    Gcm::new(Aes256Enc::new(&bytes::<32>(KEY).into()), Zeroizing::new(bytes(SALT)))
}

const RTP: &str =
    "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472
    6573";
const SRTP_128: &str =
    "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf
    8833899d 7f27beb1 6a9152cf 765ee439 0cce";
const SRTP_256: &str =
    "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799
    b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";

#[test]
fn srtp_with_gcm_is_that_of_rfc_7714_16() {
    let id = PacketId { ssrc: 0x5501_a0b2, index: 0xf17b };
    let mut packet = unhex(RTP);
    gcm_128().seal_rtp(id, 12, &mut packet).unwrap();
    assert_eq!(packet, unhex(SRTP_128));
    gcm_128().open_rtp(id, 12, &mut packet).unwrap();
    assert_eq!(packet, unhex(RTP));
    gcm_256().seal_rtp(id, 12, &mut packet).unwrap();
    assert_eq!(packet, unhex(SRTP_256));
    gcm_256().open_rtp(id, 12, &mut packet).unwrap();
    assert_eq!(packet, unhex(RTP));
}

/// The packet of §17.1 to §17.4; the section's introduction prints another one, which none of them encrypts.
const RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef
    deadbeef deadbeef";
const SRTCP_128: &str =
    "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded
    0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
const SRTCP_256: &str =
    "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047
    6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4";

#[test]
fn srtcp_with_gcm_is_that_of_rfc_7714_17() {
    let id = PacketId { ssrc: 0x4d61_7273, index: 0x5d4 };
    let trailer = RtcpTrailer { is_encrypted: true, index: 0x5d4 };
    let mut packet = unhex(RTCP);
    gcm_128().seal_rtcp(id, trailer, &mut packet).unwrap();
    assert_eq!(packet, unhex(SRTCP_128));
    gcm_128().open_rtcp(id, trailer, &mut packet).unwrap();
    assert_eq!(packet, unhex(RTCP));
    gcm_256().seal_rtcp(id, trailer, &mut packet).unwrap();
    assert_eq!(packet, unhex(SRTCP_256));
    gcm_256().open_rtcp(id, trailer, &mut packet).unwrap();
    assert_eq!(packet, unhex(RTCP));
}
