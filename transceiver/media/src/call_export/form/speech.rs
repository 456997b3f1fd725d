//! What was negotiated about speech, and where its streams stand.

use super::{Form, Malformed, Reader, Writer, form, form_of_names};
use crate::codec::Coding;
use crate::downlink::{DownlinkState, FrameLength, Silence, Stream};
use crate::reception::ReceptionState;
use crate::uplink::{Formats, Mode, Settings};

form!(Settings { formats, mode, nack });
form!(Formats { coding, payload_type, red, comfort_noise });
form!(Stream { coding, payload_type, ssrc, frame, silence, redundancy, longest_queue_ms, longest_item_ms });
form!(DownlinkState { timestamp, packets, payload_bytes });
form!(ReceptionState { ssrc, highest, expected, received });

form_of_names!(Coding { Opus = 1, Pcmu = 2, Pcma = 3 });
form_of_names!(Mode { Speed = 1, Accuracy = 2 });
form_of_names!(Silence { Unsent = 1, Announced = 2 });

/// In milliseconds.
impl Form for FrameLength {
    fn write(&self, writer: &mut Writer) {
        self.ms().write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::from_ms(u64::read(reader)?).ok_or(Malformed)
    }
}
