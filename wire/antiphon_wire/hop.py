"""The hop protocol between relay and transceiver: a datagram carries one or more records."""

from dataclasses import dataclass, field

from antiphon_wire import _extension
from antiphon_wire._extension import HopError

__all__ = ["HopError", "Record", "Tlv", "pack", "unpack"]


@dataclass(frozen=True)
class Tlv:
    kind: int
    value: bytes


@dataclass(frozen=True)
class Record:
    """One client datagram on the hop, with its flow's identity."""

    route: int
    client_host: str = field(repr=False)
    client_port: int = field(repr=False)
    local_index: int
    """Which of the relay's local addresses the client talks to."""
    payload: bytes = field(repr=False)
    no_pack: bool = False
    """The sender cannot unpack: send it one record a datagram."""
    tlvs: tuple[Tlv, ...] = ()


def pack(records: list[Record]) -> bytes:
    """One datagram with the records in order; keeping it below the path MTU is the caller's to see to."""
    return _extension.pack_hop([_native(record) for record in records])


def unpack(datagram: bytes) -> list[Record]:
    """All records of a datagram, or `HopError` where any of them is malformed."""
    return [_record(native) for native in _extension.unpack_hop(datagram)]


def _native(record: Record) -> _extension.HopRecord:
    return _extension.HopRecord(
        route=record.route,
        client_host=record.client_host,
        client_port=record.client_port,
        local_index=record.local_index,
        no_pack=record.no_pack,
        tlvs=[(tlv.kind, tlv.value) for tlv in record.tlvs],
        payload=record.payload,
    )


def _record(native: _extension.HopRecord) -> Record:
    return Record(
        route=native.route,
        client_host=native.client_host,
        client_port=native.client_port,
        local_index=native.local_index,
        payload=native.payload,
        no_pack=native.no_pack,
        tlvs=tuple(Tlv(kind, value) for kind, value in native.tlvs),
    )
