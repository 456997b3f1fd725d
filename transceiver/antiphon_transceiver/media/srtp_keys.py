"""What DTLS hands to the media (RFC 5764 section 4.2): a profile, and a key and a salt for each direction."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


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
