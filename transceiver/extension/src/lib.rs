//! The transceiver's native parts, as Python sees them.

mod adoption;
mod call;
mod call_codecs;
mod call_cost;
mod call_export;
mod call_inheritance;
mod call_settings;
mod call_statistics;
mod call_tenure;
mod clock;
mod data_channels;
mod dtls_records;
mod end_process;
mod endpoint;
mod event_fd;
mod exchange;
mod hop_socket;
mod mailbox;
mod media_call;
mod media_engine;
mod opus_decoder;
mod opus_encoder;
mod pacer;
mod pacer_desk;
mod playout;
mod post;
mod random;
mod shared_tenure;
mod snapshot;
mod socket_thread;
mod worker;

use pyo3::prelude::*;

#[pymodule]
mod _extension {
    use antiphon_media::inbox::Kind;
    use pyo3::prelude::*;

    use super::call_inheritance::NotInheritable;
    use super::playout::PlayoutFull;
    use super::snapshot::NotExportable;

    #[pymodule_export]
    use super::call_cost::call_cost;
    #[pymodule_export]
    use super::call_export::CallExport;
    #[pymodule_export]
    use super::call_inheritance::{AdoptedCall, CallInheritance};
    #[pymodule_export]
    use super::call_tenure::CallTenure;
    #[pymodule_export]
    use super::data_channels::DataChannels;
    #[pymodule_export]
    use super::dtls_records::DtlsRecords;
    #[pymodule_export]
    use super::endpoint::Endpoint;
    #[pymodule_export]
    use super::media_call::MediaCall;
    #[pymodule_export]
    use super::media_engine::MediaEngine;
    #[pymodule_export]
    use super::playout::Playout;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        for (name, kind) in [
            ("KIND_CHECKED", Kind::Checked),
            ("KIND_DTLS", Kind::Dtls),
            ("KIND_SETUP_TIMEOUT", Kind::SetupTimeout),
            ("KIND_CONSENT_LOST", Kind::ConsentLost),
        ] {
            module.add(name, kind as u8)?;
        }
        module.add("LONGEST_EXPORT", antiphon_media::call_export::LONGEST_SEALED)?;
        let python = module.py();
        module.add("PlayoutFull", python.get_type::<PlayoutFull>())?;
        module.add("NotExportable", python.get_type::<NotExportable>())?;
        module.add("NotInheritable", python.get_type::<NotInheritable>())?;
        for (name, kind) in super::dtls_records::kinds().into_iter().chain(super::data_channels::kinds()) {
            module.add(name, kind)?;
        }
        Ok(())
    }
}
