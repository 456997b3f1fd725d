"""Is an SCTP packet of the form of RFC 9260, and does it ask for little? A second opinion on the native parser.

It stands before aiortc's parser too where vectors are made: that one loops for ever on a parameter of length zero.
"""

from struct import unpack_from

_COMMON_HEADER = 12
_HEADER = 4

_DATA, _INIT, _INIT_ACK, _SACK, _SHUTDOWN, _RECONFIG, _FORWARD_TSN = 0, 1, 2, 3, 7, 130, 192
# Chunk type -> bytes of its body before its parameters.
_PARAMETERS_AT = {_INIT: 16, _INIT_ACK: 16, 4: 0, 5: 0, 6: 0, 9: 0, _RECONFIG: 0}
# A stack bundles a SACK, a HEARTBEAT or a RE-CONFIG with its data, one or two of them.
_MOST_CONTROL_CHUNKS = 8
# RFC 6525 section 3.1.
_MOST_RECONFIG_PARAMETERS = 2
# RFC 6525 section 4: parameter type -> least bytes of its value.
_RECONFIG_VALUES = {13: 12, 16: 8, 17: 8}


def is_well_formed(packet: bytes) -> bool:
    """Every chunk and parameter lies in its bounds and holds its fixed part; INIT stands alone; control is brief."""
    chunks = 0
    control_chunks = 0
    has_init = False
    position = _COMMON_HEADER
    while position <= len(packet) - _HEADER:
        kind, _, length = unpack_from("!BBH", packet, position)
        if length < _HEADER or position + length > len(packet):
            return False
        if not _body_is_well_formed(kind, packet[position + _HEADER : position + length]):
            return False
        chunks += 1
        control_chunks += kind != _DATA
        has_init = has_init or kind == _INIT
        position += _padded(length)
    # RFC 9260 section 3: INIT must not be bundled with another chunk.
    return chunks > 0 and control_chunks <= _MOST_CONTROL_CHUNKS and not (has_init and chunks > 1)


def _body_is_well_formed(kind: int, body: bytes) -> bool:
    if kind == _DATA:
        return len(body) > 12
    if kind == _SACK:
        if len(body) < 12:
            return False
        gaps, duplicates = unpack_from("!HH", body, 8)
        return len(body) == 12 + 4 * (int(gaps) + int(duplicates))
    if kind == _SHUTDOWN:
        return len(body) == 4
    if kind == _FORWARD_TSN:
        return len(body) >= 4 and len(body) % 4 == 0
    if kind in _PARAMETERS_AT:
        start = _PARAMETERS_AT[kind]
        return len(body) >= start and _parameters_are_well_formed(kind, body[start:])
    return True


def _parameters_are_well_formed(kind: int, parameters: bytes) -> bool:
    count = 0
    position = 0
    while position <= len(parameters) - _HEADER:
        parameter, length = unpack_from("!HH", parameters, position)
        if length < _HEADER or position + length > len(parameters):
            return False
        least = _RECONFIG_VALUES.get(parameter, 0) if kind == _RECONFIG else 0
        value = length - _HEADER
        if value < least or (kind == _RECONFIG and value % 2):
            return False
        count += 1
        position += _padded(length)
    return kind != _RECONFIG or count <= _MOST_RECONFIG_PARAMETERS


def _padded(length: int) -> int:
    return (length + 3) & ~3
