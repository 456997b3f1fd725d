"""What of a handshake's records in the clear OpenSSL is to see. Pure.

Nobody has signed them: whoever can send in the client's name can send them too, before the client does or between. RFC
6347 section 4.1.2.7 has invalid records discarded, so that they end nothing; OpenSSL ends the handshake over many of
them. What cannot be a part of this handshake is left out here.
"""

from struct import unpack_from

from antiphon_transceiver.dtls_records import HEADER, split

MOST_MESSAGE_BYTES = 32_768
"""Of one message: a certificate chain of several KB is long."""

_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE = 20, 21, 22
# The type, the epoch, and the six bytes of the number in it (RFC 6347 section 4.1).
_EPOCH_AT, _NUMBER_AT, _LENGTH_AT = 3, 5, 11
# RFC 6347 section 4.2.2: type (1), length (3), number (2), fragment's offset (3) and length (3).
_MESSAGE_HEADER = 12
# RFC 5246 section 7.4, RFC 6347 section 4.3.2: what comes before the keys. HelloRequest begins no handshake of ours.
_OF_SERVERS = frozenset({2, 3, 4, 11, 12, 13, 14, 22})
_OF_CLIENTS = frozenset({1, 11, 15, 16})
_EMPTY_MESSAGES = frozenset({14})


class ClearRecords:
    """Of one handshake's peer."""

    def __init__(self, *, are_of_server: bool) -> None:
        self.alerted = False
        """Somebody said that the handshake has failed. Who, is not known."""
        self._messages = _OF_SERVERS if are_of_server else _OF_CLIENTS
        self._admitted = 0

    def admit(self, datagram: bytes) -> bytes:
        """Of its whole records those that may be meant for this handshake."""
        return b"".join(admitted for record in split(datagram) if (admitted := self._admit(record)))

    def _admit(self, record: bytes) -> bytes | None:
        epoch = unpack_from("!H", record, _EPOCH_AT)[0]
        if epoch:
            # The keys' first one tells by itself what is authentic; there is no other before the handshake's end.
            return record if epoch == 1 else None
        kind, body = record[0], record[HEADER:]
        self.alerted = self.alerted or kind == _ALERT
        if not (self._holds_messages(body) if kind == _HANDSHAKE else (kind, body) == (_CHANGE_CIPHER_SPEC, b"\1")):
            return None
        # By a number far ahead the record would push those that are to come out of the replay window.
        number, self._admitted = self._admitted, self._admitted + 1
        return record[:_NUMBER_AT] + number.to_bytes(6) + record[_LENGTH_AT:]

    def _holds_messages(self, body: bytes) -> bool:
        """Whole fragments of messages that the peer may send, one at least."""
        position = 0
        while position + _MESSAGE_HEADER <= len(body):
            kind = body[position]
            total = int.from_bytes(body[position + 1 : position + 4])
            offset = int.from_bytes(body[position + 6 : position + 9])
            length = int.from_bytes(body[position + 9 : position + 12])
            if kind not in self._messages or total > MOST_MESSAGE_BYTES or offset + length > total:
                return False
            if not (kind in _EMPTY_MESSAGES) == (total == 0) == (length == 0):
                return False
            position += _MESSAGE_HEADER + length
        return position == len(body) and position > 0
