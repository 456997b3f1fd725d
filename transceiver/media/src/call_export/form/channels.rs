//! SCTP and data channels.

use super::{Form, Malformed, Reader, Writer, form};
use crate::data_channel::{self, Channel, DataChannelsState, Delivery, Opening, Patience, Phase};
use crate::sctp::{
    self, Assembly, AssociationState, Deferred, Extensions, Fragment, Held, LeapState, Outcome, OutgoingState,
    Reliability, ResetState, Standing,
};

form!(DataChannelsState { association, channels });
form!(Channel { stream, opening, phase });
form!(Opening { delivery, label, protocol });
form!(Delivery { is_unordered, patience });

form!(AssociationState {
    local_tag,
    remote_tag,
    remote_streams,
    extensions,
    acknowledged_tsn,
    peer_window,
    streams,
    first_sequence,
    outgoing,
    leaps,
    received_tsn,
    standing,
    held,
    assembly,
    resets,
});
form!(Extensions { partial_reliability, reconfiguration });
form!(OutgoingState { fragment, reliability, transmissions, is_acknowledged, is_abandoned });
form!(LeapState { before, count, streams });
form!(ResetState { next, is_next_sure, wanted, expected, answered, deferred });
form!(Deferred { request, last_tsn, streams });
form!(Fragment { stream, sequence, protocol, is_unordered, is_first, is_last, payload });

impl Form for data_channel::Config {
    fn write(&self, writer: &mut Writer) {
        let Self { sctp, is_dtls_client, largest_outgoing, is_always_reliable } = self;
        sctp.write(writer);
        is_dtls_client.write(writer);
        largest_outgoing.write(writer);
        is_always_reliable.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            sctp: Form::read(reader)?,
            is_dtls_client: Form::read(reader)?,
            largest_outgoing: Form::read(reader)?,
            is_always_reliable: Form::read(reader)?,
        })
    }
}

impl Form for sctp::Config {
    fn write(&self, writer: &mut Writer) {
        let Self { local_port, remote_port, largest_message, receive_window, largest_backlog, longest_packet, streams } =
            self;
        for port in [local_port, remote_port, streams] {
            port.write(writer);
        }
        for bound in [largest_message, receive_window, largest_backlog, longest_packet] {
            bound.write(writer);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (local_port, remote_port, streams) = (Form::read(reader)?, Form::read(reader)?, Form::read(reader)?);
        Ok(Self {
            local_port,
            remote_port,
            streams,
            largest_message: Form::read(reader)?,
            receive_window: Form::read(reader)?,
            largest_backlog: Form::read(reader)?,
            longest_packet: Form::read(reader)?,
        })
    }
}

impl Form for Phase {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Opening => writer.put(&[1]),
            Self::Open => writer.put(&[2]),
            Self::Closing { ours, theirs } => {
                writer.put(&[3]);
                (*ours, *theirs).write(writer);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.array()? {
            [1] => Ok(Self::Opening),
            [2] => Ok(Self::Open),
            [3] => <(bool, bool)>::read(reader).map(|(ours, theirs)| Self::Closing { ours, theirs }),
            _ => Err(Malformed),
        }
    }
}

impl Form for Patience {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Reliable => writer.put(&[1]),
            Self::Retransmissions(most) => (2_u8, *most).write(writer),
            Self::Milliseconds(most) => (3_u8, *most).write(writer),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.array()? {
            [1] => Ok(Self::Reliable),
            [2] => Form::read(reader).map(Self::Retransmissions),
            [3] => Form::read(reader).map(Self::Milliseconds),
            _ => Err(Malformed),
        }
    }
}

impl Form for Reliability {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Reliable => writer.put(&[1]),
            Self::Retransmissions(most) => (2_u8, *most).write(writer),
            Self::Until(us) => (3_u8, *us).write(writer),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.array()? {
            [1] => Ok(Self::Reliable),
            [2] => Form::read(reader).map(Self::Retransmissions),
            [3] => Form::read(reader).map(Self::Until),
            _ => Err(Malformed),
        }
    }
}

impl Form for Held {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Fragment(fragment) => Some(fragment.clone()).write(writer),
            Self::Delivered => None::<Fragment>.write(writer),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Option::read(reader)?.map_or(Self::Delivered, Self::Fragment))
    }
}

impl Form for Assembly {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Empty => writer.put(&[1]),
            Self::Open(fragment) => {
                writer.put(&[2]);
                Form::write(fragment, writer);
            }
            Self::Refused => writer.put(&[3]),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.array()? {
            [1] => Ok(Self::Empty),
            [2] => Fragment::read(reader).map(Self::Open),
            [3] => Ok(Self::Refused),
            _ => Err(Malformed),
        }
    }
}

impl Form for Standing {
    fn write(&self, writer: &mut Writer) {
        writer.put(match self {
            Self::Sure => &[0],
            Self::Behind => &[1],
            Self::CaughtUp => &[2],
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match reader.array()? {
            [0] => Ok(Self::Sure),
            [1] => Ok(Self::Behind),
            [2] => Ok(Self::CaughtUp),
            _ => Err(Malformed),
        }
    }
}

/// As on the wire (RFC 6525 §4.4).
impl Form for Outcome {
    fn write(&self, writer: &mut Writer) {
        self.to_wire().write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        u32::read(reader).map(Self::from_wire)
    }
}
