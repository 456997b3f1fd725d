//! `tests/vectors/call_exports.json`: exports of every version that is read, sealed once and for all.

use antiphon_media::call_export::{Export, Key, Label, NONCE};
use serde_json::Value;

use crate::typical::{call, export, one_channel};

fn document() -> Value {
    // When it runs, not when it was compiled: a cache of builds may serve several checkouts.
    let path = format!("{}/../../tests/vectors/call_exports.json", std::env::var("CARGO_MANIFEST_DIR").unwrap());
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(row: &Value, field: &str) -> Vec<u8> {
    let digits: Vec<char> = row[field].as_str().unwrap().chars().collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

/// What is sealed today is what was sealed when the format was new: a change of any part's state, however made, shows here.
#[test]
fn the_form_has_not_changed() {
    let document = document();
    let rows = document["exports"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for (row, data) in rows.iter().zip([None, Some(one_channel())]) {
        let secret: [u8; 32] = bytes(row, "key_hex").try_into().unwrap();
        let nonce: [u8; NONCE] = bytes(row, "nonce_hex").try_into().unwrap();
        let key = Key { id: row["key_id"].as_str().unwrap().as_bytes()[0], secret: &secret };
        let route = u32::try_from(row["route"].as_u64().unwrap()).unwrap();
        let label = Label { pod: row["pod"].as_str().unwrap(), route, call_id: row["call_id"].as_str().unwrap() };
        let sealed = export(call(data)).sealed(key, label, &nonce).unwrap();
        assert_eq!(hexadecimal(&sealed), row["hex"].as_str().unwrap(), "{}", row["name"]);
        let read = Export::opened(&sealed, key, label).unwrap();
        assert_eq!(read.snapshot.call.origin.model, row["model"].as_str().unwrap());
        assert_eq!(read.snapshot.exported_at_ms, row["exported_at_ms"].as_u64().unwrap());
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
