//! ICE, SRTP and DTLS.

use super::{Form, Malformed, Reader, Writer, form, form_of_names};
use crate::dtls_records::{self, ConnectionState, Session, Suite};
use crate::ice::{CheckedPair, Credentials, IceState, RestartState};
use crate::return_path::ReturnPath;
use crate::srtp::{Profile, ReceiverState, ReceiverStream, ReplayWindow, SenderState, SenderStream, SrtpKeys};

form!(IceState { credentials, restart, pairs, selected, consent_left_ms });
form!(RestartState { credentials, left_ms });
form!(Credentials { ufrag, password, remote_ufrag });
form!(CheckedPair { client, path });
form!(ReturnPath { relay, local_index, no_pack, tlvs });

form!(ConnectionState { session, sender, receiver });

form!(SenderState { streams });
form!(SenderStream { ssrc, next_rtp_index, next_rtcp_index });
form!(ReceiverState { streams });
form!(ReceiverStream { ssrc, rtp, rtcp });
form!(ReplayWindow { highest, seen });

/// The profile's number in DTLS, then the keys and salts, as long as it has them.
impl Form for SrtpKeys {
    fn write(&self, writer: &mut Writer) {
        self.profile().id().write(writer);
        for secret in [self.local_key(), self.local_salt(), self.remote_key(), self.remote_salt()] {
            writer.put(secret);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let profile = Profile::from_id(u16::read(reader)?).ok_or(Malformed)?;
        let (key, salt) = (profile.key_length(), profile.salt_length());
        let local = (reader.take(key)?, reader.take(salt)?);
        let remote = (reader.take(key)?, reader.take(salt)?);
        Self::new(profile, local, remote).map_err(|_| Malformed)
    }
}

/// The suite, which side we are, the master secret, the client's random and the server's.
impl Form for Session {
    fn write(&self, writer: &mut Writer) {
        self.suite().write(writer);
        self.is_client().write(writer);
        writer.put(self.master_secret());
        writer.put(self.client_random());
        writer.put(self.server_random());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (suite, is_client) = (Suite::read(reader)?, bool::read(reader)?);
        let (master_secret, client_random) = (reader.take(48)?, reader.take(32)?);
        Self::new(suite, master_secret, client_random, reader.take(32)?, is_client).map_err(|_| Malformed)
    }
}

form_of_names!(Suite { Aes128GcmSha256 = 1, Aes256GcmSha384 = 2, ChaCha20Poly1305Sha256 = 3 });

impl Form for dtls_records::SenderState {
    fn write(&self, writer: &mut Writer) {
        self.next_sequence.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { next_sequence: Form::read(reader)? })
    }
}

impl Form for dtls_records::ReceiverState {
    fn write(&self, writer: &mut Writer) {
        let Self { next_sequence, seen } = self;
        next_sequence.write(writer);
        writer.put(&seen.to_be_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { next_sequence: Form::read(reader)?, seen: u64::from_be_bytes(reader.array()?) })
    }
}
