"""The keys document: what is read, what is refused, and that no secret is ever shown."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from antiphon_wire import LONGEST_CALL_S, MINT_SLACK_S, KeyRing, KeyRingError, Ticket, TicketError

NOW = 1_795_226_400
SECRET = bytes(range(32))
KEY: dict[str, Any] = {
    "id": "A",
    "secret": base64.b64encode(SECRET).decode(),
    "mint_from": "2026-11-21T02:00:00Z",
    "mint_until": "2026-11-22T02:00:00Z",
    "accept_until": "2026-11-22T05:00:00.500+02:00",
}


def document(**changes: Any) -> str:
    return json.dumps({"keys": [KEY | changes]})


def test_a_document_is_read() -> None:
    assert KeyRing.from_json(document()).specs() == [(ord("A"), SECRET, NOW, NOW + 86_400, NOW + 90_000)]


def test_a_ring_passes_through_its_specs() -> None:
    ring = KeyRing.from_json(document())
    minted = ring.mint(Ticket(cluster_id=1, route=8, expires_at=NOW + 60, nonce=1), now=NOW)
    assert KeyRing(ring.specs()).inspect(minted.ufrag, now=NOW).route == 8


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("[]", '{"keys": […]}'),
        ("{}", '{"keys": […]}'),
        ('{"keys": {}}', '{"keys": […]}'),
        ('{"keys": []}', "no keys"),
        ('{"keys": ["A"]}', "keys[0] is not an object"),
        (document(id="AB"), "keys[0].id"),
        (document(id="é"), "keys[0].id"),
        (document(id=1), "keys[0].id"),
        (document(id="-"), "'-' must be one ASCII letter or digit"),
        (document(secret=KEY["secret"][4:]), "keys[0].secret must be 32 bytes"),
        (document(secret=KEY["secret"][:-2] + "*="), "keys[0].secret must be 32 bytes"),
        (document(secret=None), "keys[0].secret must be 32 bytes"),
        (document(mint_from="2026-11-21T02:00:00"), "keys[0].mint_from must be an RFC 3339 time with a zone"),
        (document(mint_until="soon"), "keys[0].mint_until must be"),
        (document(accept_until=1_795_226_400), "keys[0].accept_until must be"),
        (document(mint_until="2026-11-21T01:00:00Z"), "mint_from < mint_until"),
        (json.dumps({"keys": [KEY, KEY]}), "twice"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_document_is_refused_without_showing_it(text: str, says: str) -> None:
    with pytest.raises(KeyRingError) as refused:
        KeyRing.from_json(text)
    assert says in str(refused.value)
    assert KEY["secret"][4:40] not in repr(refused.value)
    # Python would print the cause with its arguments.
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_generated_document_mints_at_once_and_for_a_year() -> None:
    text = KeyRing.generate_json(NOW)
    ring = KeyRing.from_json(text)
    ticket = Ticket(cluster_id=0, route=0x1000, expires_at=NOW + 3900, nonce=1)
    assert ring.open(ring.mint(ticket, now=NOW).ufrag, now=NOW, longest_s=3600, skew_s=60) == ticket
    ring.mint(ticket, now=NOW + 364 * 86_400)
    with pytest.raises(KeyRingError, match="no key of the key ring may mint now"):
        ring.mint(ticket, now=NOW + 366 * 86_400)
    assert KeyRing.generate_json(NOW) != text


@pytest.mark.parametrize("skew_s", [0, 3600])
@pytest.mark.parametrize("late_s", [-1, 0, 1])
def test_a_ticket_for_the_longest_call_opens_from_its_first_second_to_its_last(skew_s: int, late_s: int) -> None:
    """However far apart the clocks of who minted and who opens may lie."""
    minted_at = NOW + 364 * 86_400
    ring = KeyRing.from_json(KeyRing.generate_json(NOW))
    expires_at = minted_at + LONGEST_CALL_S + MINT_SLACK_S
    ufrag = ring.mint(Ticket(cluster_id=0, route=8, expires_at=expires_at, nonce=1), now=minted_at).ufrag
    for moment in (minted_at, minted_at + LONGEST_CALL_S):
        opened = ring.open(ufrag, now=moment + late_s * skew_s, longest_s=LONGEST_CALL_S, skew_s=skew_s)
        assert opened.route == 8


def test_nothing_secret_is_shown() -> None:
    ring = KeyRing.from_json(document())
    ticket = Ticket(cluster_id=1, route=8, expires_at=NOW + 60, nonce=1)
    minted = ring.mint(ticket, now=NOW)
    shown = repr(ring) + str(ring) + repr(minted) + repr(ticket) + repr(ring.open_call_id(minted.call_id))
    for secret in (KEY["secret"], SECRET.hex(), repr(SECRET), minted.ufrag, minted.password):
        assert secret not in shown


def test_a_retired_key_still_names_an_ended_call() -> None:
    ring = KeyRing.from_json(document())
    minted = ring.mint(Ticket(cluster_id=1, route=8, expires_at=NOW + 60, nonce=1), now=NOW)
    assert ring.open_call_id(minted.call_id).route == 8
    with pytest.raises(TicketError) as refused:
        ring.open_call_id(minted.call_id, now=NOW + 10**6)
    assert refused.value.reason == "key_retired"


@given(st.text(max_size=40))
def test_no_text_is_taken_for_a_ticket(text: str) -> None:
    ring = KeyRing.from_json(document())
    with pytest.raises(TicketError):
        ring.inspect(text, now=NOW)
    with pytest.raises(TicketError):
        ring.open_call_id(text, now=NOW)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["keys", *KEY]), inner),
        max_leaves=8,
    )
)
def test_no_json_makes_it_fail_in_another_way(value: Any) -> None:
    with pytest.raises(KeyRingError):
        KeyRing.from_json(json.dumps(value))


def test_exports_are_sealed_with_the_key_that_mints_and_opened_with_the_one_they_name() -> None:
    ring = KeyRing.from_json(document())
    key_id, key = ring.sealing_key(now=NOW)
    # HKDF-SHA-256 without salt, as docs/wire-formats.md has it.
    derived = HKDF(hashes.SHA256(), 32, salt=None, info=b"antiphon call export 1").derive(SECRET)
    assert (key_id, key) == (ord("A"), derived)
    assert ring.opening_key(key_id, now=NOW) == key
    with pytest.raises(KeyRingError):
        ring.sealing_key(now=NOW + 86_400)
    assert ring.opening_key(key_id, now=NOW + 86_400) == key
    for other, now in ((ord("B"), NOW), (0, NOW), (255, NOW), (key_id, NOW + 90_000)):
        with pytest.raises(TicketError):
            ring.opening_key(other, now=now)
