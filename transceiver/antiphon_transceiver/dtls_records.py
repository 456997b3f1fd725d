"""Whole records of DTLS (RFC 6347 section 4.1), before or behind OpenSSL, which knows datagrams not at all in memory.

How many records does a datagram hold? OpenSSL works through all of them; nobody but an attacker sends many.
"""

from collections.abc import Iterable
from struct import unpack_from

MOST_RECORDS = 16
"""A flight of a handshake is five or six records, and what follows is one record a datagram."""

# RFC 6347 section 4.1: type (1), version (2), epoch (2), sequence number (6), length (2).
HEADER = 13
_EPOCH_AT = 3
_SEQUENCE_AT = 5
_LENGTH_AT = 11
# DTLS 1.0 on a first ClientHello, DTLS 1.2 on the rest.
_VERSIONS = (0xFEFF, 0xFEFD)
# The first one under keys.
_EPOCH = 1


def holds_few_records(datagram: bytes) -> bool:
    """One to MOST_RECORDS whole records of DTLS 1.0 or 1.2, and nothing else."""
    records = 0
    position = 0
    while position < len(datagram) and records < MOST_RECORDS:
        if position + HEADER > len(datagram) or unpack_from("!H", datagram, position + 1)[0] not in _VERSIONS:
            return False
        position += _end_of(datagram, position)
        records += 1
    return records > 0 and position == len(datagram)


def split(written: bytes) -> list[bytes]:
    """The records of what OpenSSL has written: they follow one another, datagrams or not."""
    records = []
    position = 0
    while position + HEADER <= len(written):
        end = position + _end_of(written, position)
        records.append(written[position:end])
        position = end
    return records


def packed(records: Iterable[bytes], largest: int) -> list[bytes]:
    """Datagrams of whole records, each of `largest` bytes at most where no record is longer by itself."""
    datagrams: list[bytes] = []
    for record in records:
        if datagrams and len(datagrams[-1]) + len(record) <= largest:
            datagrams[-1] += record
        else:
            datagrams.append(record)
    return datagrams


def sequence_after(records: Iterable[bytes]) -> int:
    """The first sequence number under the keys that lies beyond those of the records; 0 if none of them is."""
    used = (int.from_bytes(r[_SEQUENCE_AT:_LENGTH_AT]) for r in records if unpack_from("!H", r, _EPOCH_AT)[0] == _EPOCH)
    return max(used, default=-1) + 1


def _end_of(datagram: bytes, position: int) -> int:
    return HEADER + int(unpack_from("!H", datagram, position + _LENGTH_AT)[0])
