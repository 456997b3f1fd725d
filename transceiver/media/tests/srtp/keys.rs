use antiphon_media::srtp::{Profile, SrtpKeys};

use crate::ends::{client_keys, material, server_keys};

#[test]
fn the_exporters_material_is_both_keys_then_both_salts() {
    for (profile, key, salt) in
        [(Profile::AesCm128HmacSha1_80, 16, 14), (Profile::AeadAes128Gcm, 16, 12), (Profile::AeadAes256Gcm, 32, 12)]
    {
        let material = material(profile);
        let (client, server) = (client_keys(profile), server_keys(profile));
        assert_eq!(client.local_key(), &material[..key]);
        assert_eq!(client.remote_key(), &material[key..2 * key]);
        assert_eq!(client.local_salt(), &material[2 * key..][..salt]);
        assert_eq!(client.remote_salt(), &material[2 * key + salt..]);
        assert_eq!((server.local_key(), server.local_salt()), (client.remote_key(), client.remote_salt()));
        assert_eq!((server.remote_key(), server.remote_salt()), (client.local_key(), client.local_salt()));
        assert_eq!(server.profile(), profile);
    }
}

#[test]
fn keys_of_a_wrong_length_are_refused() {
    for profile in Profile::ALL {
        let mut material = material(profile);
        material.push(0);
        assert!(SrtpKeys::from_keying_material(profile, &material, true).is_err());
        material.truncate(material.len() - 2);
        assert!(SrtpKeys::from_keying_material(profile, &material, true).is_err());
        assert!(SrtpKeys::from_keying_material(profile, &[], true).is_err());
        let keys = client_keys(profile);
        let (key, salt) = (keys.local_key(), keys.local_salt());
        assert!(SrtpKeys::new(profile, (key, salt), (key, &salt[1..])).is_err());
        assert!(SrtpKeys::new(profile, (&key[1..], salt), (key, salt)).is_err());
    }
}

#[test]
fn keys_are_never_printed() {
    for profile in Profile::ALL {
        assert_eq!(format!("{:?}", client_keys(profile)), format!("SrtpKeys {{ profile: {profile:?}, .. }}"));
    }
}

#[test]
fn profiles_have_the_numbers_that_dtls_negotiates() {
    assert_eq!(Profile::ALL.map(Profile::id), [1, 7, 8]);
    assert_eq!(Profile::ALL.map(|profile| Profile::from_id(profile.id())), Profile::ALL.map(Some));
    assert_eq!(Profile::from_id(2), None);
}
