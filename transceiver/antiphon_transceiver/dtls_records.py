"""How many records does a datagram hold? OpenSSL works through all of them; nobody but an attacker sends many."""

from struct import unpack_from

MOST_RECORDS = 16
"""A flight of a handshake is five or six records, and what follows is one record a datagram."""

# RFC 6347 section 4.1: type (1), version (2), epoch (2), sequence number (6), length (2).
_HEADER = 13
_LENGTH_AT = 11
# DTLS 1.0 on a first ClientHello, DTLS 1.2 on the rest.
_VERSIONS = (0xFEFF, 0xFEFD)


def holds_few_records(datagram: bytes) -> bool:
    """One to MOST_RECORDS whole records of DTLS 1.0 or 1.2, and nothing else."""
    records = 0
    position = 0
    while position < len(datagram) and records < MOST_RECORDS:
        if position + _HEADER > len(datagram) or unpack_from("!H", datagram, position + 1)[0] not in _VERSIONS:
            return False
        position += _HEADER + int(unpack_from("!H", datagram, position + _LENGTH_AT)[0])
        records += 1
    return records > 0 and position == len(datagram)
