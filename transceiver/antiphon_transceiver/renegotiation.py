"""A live call's later offers: they may restart ICE (RFC 8445 section 9), and change nothing else."""

from dataclasses import dataclass, replace

from antiphon_transceiver.answer import LocalDescription, write_answer
from antiphon_transceiver.negotiation import DtlsRole, Offer, SectionUse
from antiphon_transceiver.sdp import OfferError, OfferFault
from antiphon_wire.control import RESTART_INTERVAL_S
from antiphon_wire.environment import Address
from antiphon_wire.ticket import Minted


class RestartTooSoonError(Exception):
    """The call's last restart of ICE is too young for another."""


@dataclass
class Negotiation:
    """What a call and its client agree on, and the last answer that says so."""

    offer: Offer
    """The last that was answered."""
    local: LocalDescription
    restarted_at: float | None = None
    """Of the monotonic clock."""

    def admit(self, later: Offer) -> bool:
        """Whether a later offer restarts ICE; without that it gets the same answer again. Raises OfferError."""
        changed = _change(self.offer, later)
        if changed is not None:
            raise OfferError(
                OfferFault.CHANGES_CALL,
                f"The offer changes {changed}. A later offer of a call may restart ICE and change nothing else: "
                "start a new call.",
            )
        # RFC 8839 section 4.4.1.1.1: a restart changes both, and one that has changed either is meant as one.
        before = (self.offer.ice_ufrag, self.offer.ice_password)
        return before != (later.ice_ufrag, later.ice_password)

    def may_restart(self, now: float) -> None:
        """Raises RestartTooSoonError: each restart is a ticket more for the relays."""
        if self.restarted_at is not None and now - self.restarted_at < RESTART_INTERVAL_S:
            raise RestartTooSoonError

    def restart(self, later: Offer, minted: Minted, candidates: tuple[Address, ...], now: float) -> None:
        """Our side of it is new too; RFC 8842 section 5.3: who is the DTLS client stays."""
        self.offer = replace(later, role=self.offer.role)
        self.local = replace(
            self.local,
            # RFC 8829 section 5.3.2: the version grows by one with each answer that is another.
            version=self.local.version + 1,
            ufrag=minted.ufrag,
            password=minted.password,
            candidates=candidates,
        )
        self.restarted_at = now

    @property
    def answer(self) -> str:
        return write_answer(self.offer, self.local)


def _change(before: Offer, after: Offer) -> str | None:
    """What a later offer must leave as it was; None: it does."""
    # RFC 8842 section 5.5: a later offer says actpass, or what its sender is.
    same_role = "passive" if before.role is DtlsRole.CLIENT else "active"
    changes = (
        ("its media sections (their number, order, kind or a=mid)", _sections(before) != _sections(after)),
        ("the certificate (a=fingerprint)", set(before.fingerprints) != set(after.fingerprints)),
        ("who begins the DTLS handshake (a=setup)", after.setup not in ("actpass", same_role)),
        ("the audio or the data channel (a codec, a payload type, a direction)", _media(before) != _media(after)),
    )
    return next((what for what, changed in changes if changed), None)


def _sections(offer: Offer) -> list[tuple[str, str, str | None, SectionUse]]:
    return [(one.media.kind, one.media.protocol, one.media.mid, one.use) for one in offer.sections]


def _media(offer: Offer) -> Offer:
    """The offer without what is compared by itself, or free to change: fields that are new are compared here."""
    return replace(
        offer, sections=(), fingerprints=(), ice_ufrag="", ice_password="", setup="", role=DtlsRole.CLIENT, text=""
    )
