//! The transceiver's native parts, as Python sees them.

mod endpoint;
mod event_fd;
mod hop_socket;
mod opus_codec;
mod socket_thread;

use pyo3::prelude::*;

#[pymodule]
mod _extension {
    use antiphon_media::inbox::Kind;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::endpoint::Endpoint;
    #[pymodule_export]
    use super::opus_codec::{OpusDecoder, OpusEncoder};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        for (name, kind) in [
            ("KIND_CHECKED", Kind::Checked),
            ("KIND_DTLS", Kind::Dtls),
            ("KIND_RTP", Kind::Rtp),
            ("KIND_RTCP", Kind::Rtcp),
            ("KIND_SETUP_TIMEOUT", Kind::SetupTimeout),
            ("KIND_CONSENT_LOST", Kind::ConsentLost),
        ] {
            module.add(name, kind as u8)?;
        }
        Ok(())
    }
}
