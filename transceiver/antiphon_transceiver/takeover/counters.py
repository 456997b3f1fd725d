"""What becomes of calls that are written down, handed over and taken over, for the pod's metrics."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Unexported(StrEnum):
    """Why a call was not written down this time: its last export stays. The first six are the engine's words."""

    NOT_OWNED = "not_owned"
    NOT_STARTED = "not_started"
    NO_ADDRESS = "no_address"
    FLIGHT_UNHEARD = "flight_unheard"
    CHANNELS_OPENING = "channels_opening"
    TOO_LONG = "too_long"
    CONFIGURATION_TOO_LONG = "configuration_too_long"
    """Its session or its offer is."""
    NO_KEY = "no_key"
    """No key of the ring may seal now."""
    UNANSWERED = "unanswered"
    """By the registry: nobody knows."""
    INTERNAL_ERROR = "internal_error"


class Untaken(StrEnum):
    """Why a call was not taken over. The first twelve are the engine's words."""

    WRONG_LENGTH = "wrong_length"
    UNKNOWN_VERSION = "unknown_version"
    UNAUTHENTIC = "unauthentic"
    MALFORMED = "malformed"
    TOO_OLD = "too_old"
    FROM_THE_FUTURE = "from_the_future"
    TOO_MANY_LEAPS = "too_many_leaps"
    GENERATIONS_EXHAUSTED = "generations_exhausted"
    BAD_SRTP = "bad_srtp"
    BAD_RECORDS = "bad_records"
    BAD_CHANNELS = "bad_channels"
    UFRAG_IN_USE = "ufrag_in_use"
    BAD_CONFIGURATION = "bad_configuration"
    """What we wrote for ourselves beside it cannot be read: of another release."""
    UNKNOWN_KEY = "unknown_key"
    """Our ring has no such key, or no key that may seal."""
    CLAIMED_ELSEWHERE = "claimed_elsewhere"
    """Another pod goes on with it."""
    GONE = "gone"
    """Its record went while we read: it is over."""
    UNANSWERED = "unanswered"
    """The registry was silent at every attempt."""
    NO_CAPACITY = "no_capacity"
    DRAINING = "draining"
    INTERNAL_ERROR = "internal_error"


class Refused(StrEnum):
    """What the registry said instead of storing an export."""

    FENCED = "fenced"
    """Another pod has claimed the call."""
    OTHER = "other"
    """It held another export of ours: an answer had got lost."""
    GONE = "gone"
    """It held nothing."""


@dataclass
class TakeoverCounters:
    stored: int = 0
    stored_bytes: int = 0
    refused: Counter[Refused] = field(default_factory=Counter)
    unexported: Counter[Unexported] = field(default_factory=Counter)
    begun_anew: int = 0
    """Records that the registry had lost."""
    taken_over: int = 0
    claims_lost: int = 0
    """The registry held another export than the one that was read."""
    untaken: Counter[Untaken] = field(default_factory=Counter)
    handed_over: int = 0
