"""SRTP and SRTCP (RFC 3711, RFC 7714) of one call, by libsrtp."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import pylibsrtp

MOST_STREAMS = 32
"""libsrtp keeps a replay window for every SSRC it has authenticated, so a caller may use only so many in one call."""

_TOO_LONG = 1500
_REPLAY_ERRORS = frozenset({"replay check failed (bad index)", "replay check failed (index too old)"})


class SrtpProfile(Enum):
    """The value is the profile's name in the DTLS extension `use_srtp` (as OpenSSL spells it)."""

    AES128_CM_SHA1_80 = "SRTP_AES128_CM_SHA1_80"
    AEAD_AES_128_GCM = "SRTP_AEAD_AES_128_GCM"
    AEAD_AES_256_GCM = "SRTP_AEAD_AES_256_GCM"

    @property
    def key_length(self) -> int:
        return 32 if self is SrtpProfile.AEAD_AES_256_GCM else 16

    @property
    def salt_length(self) -> int:
        return 14 if self is SrtpProfile.AES128_CM_SHA1_80 else 12


@dataclass(frozen=True)
class SrtpKeys:
    """`local` protects what we send, `remote` what we receive."""

    profile: SrtpProfile
    local_key: bytes = field(repr=False)
    local_salt: bytes = field(repr=False)
    remote_key: bytes = field(repr=False)
    remote_salt: bytes = field(repr=False)

    def __post_init__(self) -> None:
        for key, salt in ((self.local_key, self.local_salt), (self.remote_key, self.remote_salt)):
            if len(key) != self.profile.key_length or len(salt) != self.profile.salt_length:
                raise ValueError(f"keys or salts of a wrong length for {self.profile.value}")


class SrtpRefusal(Enum):
    """Why a packet from the network was not let in."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    REPLAYED = "replayed"
    TOO_MANY_STREAMS = "too_many_streams"


class SrtpSession:
    """Both directions of one call. The replay window is libsrtp's."""

    def __init__(self, keys: SrtpKeys) -> None:
        profile = _LIBSRTP_PROFILES[keys.profile]
        outbound, inbound = pylibsrtp.Policy.SSRC_ANY_OUTBOUND, pylibsrtp.Policy.SSRC_ANY_INBOUND
        self._outbound = pylibsrtp.Session(
            pylibsrtp.Policy(key=keys.local_key + keys.local_salt, ssrc_type=outbound, srtp_profile=profile)
        )
        self._inbound = pylibsrtp.Session(
            pylibsrtp.Policy(key=keys.remote_key + keys.remote_salt, ssrc_type=inbound, srtp_profile=profile)
        )
        self._streams: set[bytes] = set()

    def protect_rtp(self, packet: bytes) -> bytes:
        return self._outbound.protect(packet)

    def protect_rtcp(self, packet: bytes) -> bytes:
        return self._outbound.protect_rtcp(packet)

    def unprotect_rtp(self, datagram: bytes) -> bytes | SrtpRefusal:
        stream = datagram[8:12]
        if stream not in self._streams and len(self._streams) >= MOST_STREAMS:
            return SrtpRefusal.TOO_MANY_STREAMS
        if len(datagram) > _TOO_LONG:
            return SrtpRefusal.MALFORMED
        try:
            packet = self._inbound.unprotect(datagram)
        except pylibsrtp.Error as error:
            return _refusal(error)
        self._streams.add(stream)
        return packet

    def unprotect_rtcp(self, datagram: bytes) -> bytes | SrtpRefusal:
        stream = datagram[4:8]
        if stream not in self._streams and len(self._streams) >= MOST_STREAMS:
            return SrtpRefusal.TOO_MANY_STREAMS
        if len(datagram) > _TOO_LONG:
            return SrtpRefusal.MALFORMED
        try:
            packet = self._inbound.unprotect_rtcp(datagram)
        except pylibsrtp.Error as error:
            return _refusal(error)
        self._streams.add(stream)
        return packet


def _refusal(error: pylibsrtp.Error) -> SrtpRefusal:
    # pylibsrtp turns libsrtp's status into a text and gives nothing else.
    text = str(error)
    if text in _REPLAY_ERRORS:
        return SrtpRefusal.REPLAYED
    return SrtpRefusal.UNAUTHENTICATED if text == "authentication failure" else SrtpRefusal.MALFORMED


_LIBSRTP_PROFILES = {
    SrtpProfile.AES128_CM_SHA1_80: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    SrtpProfile.AEAD_AES_128_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SrtpProfile.AEAD_AES_256_GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
