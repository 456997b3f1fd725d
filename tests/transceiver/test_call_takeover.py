"""A call goes from one engine to the next over real sockets, and its client notices a pause."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from antiphon_transceiver._extension import NotExportable, NotInheritable
from hop_relay import check
from moving_call import CLOCK_ERROR_MS, MovingCall, Owner

ALLOTTED = 8192
"""RTP packets of one export."""
TSNS = 4096
PATIENCE_MS = 20_000


@pytest.fixture
async def call() -> AsyncIterator[MovingCall]:
    moving = MovingCall()
    yield moving
    await moving.end()


async def test_a_call_goes_on_after_a_crash_from_an_export_that_is_old(call: MovingCall) -> None:
    first = await call.begin()
    await call.talk(first)
    assert first.store(call.registry) == "stored"
    # All of this its heir knows nothing of.
    await call.talk(first)
    last = call.client.packets[-1]
    first.stop()
    second = call.take_over(first)
    before = len(call.client.packets)
    await call.talk(second)
    assert second.texts == ["question " + str(before)]
    came = call.client.packets[before]
    assert came.marker == 1
    assert (came.sequence_number - last.sequence_number) % 2**16 > ALLOTTED - 100
    passed = (came.timestamp - last.timestamp) % 2**32
    assert 0 < passed < 48 * (PATIENCE_MS + CLOCK_ERROR_MS)
    assert second.endpoint.address_of(second.handle) == f"{call.caller.host}:{call.caller.port}"
    # It is the owner now, and exports.
    assert second.store(call.registry) == "stored"


async def test_what_was_on_its_way_at_the_crash_arrives_once_or_not_at_all(call: MovingCall) -> None:
    first = await call.begin()
    await call.talk(first)
    unforwarded = call.unforwarded
    # Said before the export, and not acknowledged: the relay has it, and the client has not.
    assert first.say("before the export")
    assert first.store(call.registry) == "stored"
    assert first.say("after the export")
    call.client.channel.send("while it dies")
    call.move(None)
    await call.until(lambda: call.unforwarded >= unforwarded + 2)
    first.stop()
    second = call.take_over(first)
    for number in range(5):
        assert second.say(f"later {number}")
        call.client.channel.send(f"also later {number}")
    await call.until(lambda: call.client.texts[-1] == "later 4" and second.texts[-1:] == ["also later 4"])
    later = [f"later {number}" for number in range(5)]
    assert call.client.texts == ["answer 0", "before the export", *later]
    assert [text for text in second.texts if "also" in text] == [f"also later {number}" for number in range(5)]
    assert second.texts.count("while it dies") <= 1
    assert len(second.texts) <= 6


async def all_is_heard(call: MovingCall, owner: Owner) -> None:
    """And nothing more is on its way: ten frames' times went by without a packet."""
    before = None
    while (now := (owner.count("packets_sent"), len(call.client.packets))) != before:
        before = now
        await ten_slots(call, owner)


async def ten_slots(call: MovingCall, owner: Owner) -> None:
    slots = owner.engine.counters()["slots"] + 10
    await call.until(lambda: owner.engine.counters()["slots"] >= slots)


async def test_a_handover_loses_nothing_and_leaps_over_nothing(call: MovingCall) -> None:
    first = await call.begin()
    await call.talk(first)
    assert first.store(call.registry) == "stored"
    await call.talk(first)
    await all_is_heard(call, first)
    numbers = [packet.sequence_number for packet in call.client.packets]
    call.move(None)
    assert first.say("its last word")
    first.held.close()
    assert not first.say("too late")
    export = first.export()
    assert export.is_final
    assert first.held.settle(export, call.registry.replace(export)) == "stored"
    # What comes in between is not taken by one who could not hand it on.
    call.move(first)
    call.client.channel.send("on the way")
    received, let_in = first.count("packets_received"), first.let_in
    datagrams, taken = first.endpoint.counters()["received_datagrams"], first.engine.counters()["packets_taken"]
    call.client.speak(5)
    # Its socket has them and the message, and its workers had the sound in hand.
    await call.until(
        lambda: (
            first.endpoint.counters()["received_datagrams"] >= datagrams + 6
            and first.engine.counters()["packets_taken"] >= taken + 5
        )
    )
    await call.carry()
    assert (len(first.texts), first.count("packets_received"), first.let_in) == (2, received, let_in)
    second = call.take_over(first)
    before = len(call.client.packets)
    await call.until(lambda: "on the way" in second.texts and "its last word" in call.client.texts)
    await call.talk(second)
    assert (second.texts[0], call.client.texts[2]) == ("on the way", "its last word")
    assert (len(second.texts), len(call.client.texts)) == (2, 4)
    assert call.client.packets[before].sequence_number == numbers[-1] + 1
    assert call.client.packets[before].marker == 1


@pytest.mark.parametrize("generation", [0, 1])
async def test_an_owner_that_does_not_know_that_it_is_fenced_is_told_by_the_registry_and_falls_silent(
    call: MovingCall, generation: int
) -> None:
    first = await call.begin()
    await call.talk(first)
    assert first.store(call.registry) == "stored"
    if generation == 1:
        first.stop()
        first = call.take_over(first)
        await call.talk(first)
    second = call.take_over(first)
    # It speaks on, to nobody, under numbers that the heir has leapt over.
    first.play(0.4)
    assert first.say("is anybody there?")
    said = call.unforwarded
    await call.until(lambda: call.unforwarded > said + 20)
    await call.talk(second)
    assert first.store(call.registry) == "fenced"
    assert first.held.is_fenced
    first.play(0.4)
    # What was on its way before has come by then.
    await call.until(lambda: first.count("withheld") > 5)
    said = call.unforwarded
    assert not first.say("hello?")
    assert first.records is not None
    assert first.media is not None
    assert first.records.close_notify() is None
    await call.until(lambda: first.count("withheld") > 10)
    first.media.stop()
    assert first.records.counters()["withheld"] > 0
    with pytest.raises(NotExportable, match=r"^not_owned$"):
        first.export()
    # While the other one talks, nothing comes of it through the same relay.
    await call.talk(second)
    assert call.unforwarded == said


async def test_what_a_dead_owner_had_heard_is_not_heard_again_by_an_heir_of_an_heir_that_heard_nothing(
    call: MovingCall,
) -> None:
    first = await call.begin()
    heard = call.client.speak(10)
    await call.until(lambda: first.count("packets_received") == 10)
    assert first.store(call.registry) == "stored"
    owner = first
    for _ in range(2):
        owner.stop()
        owner = call.take_over(owner)
        # Before its worker may have had the time to look at the call.
        assert owner.store(call.registry) == "stored"
    for datagram in heard:
        call.client.forward(datagram)
    await call.until(lambda: owner.count("replayed") == 10)
    assert owner.count("packets_received") == 0
    call.client.speak(10)
    await call.until(lambda: owner.count("packets_received") == 10)
    # A takeover does not look like a bad network.
    assert owner.count("lost") == 0


async def test_consent_goes_on_with_the_next_owner(call: MovingCall) -> None:
    first = await call.begin()
    assert first.store(call.registry) == "stored"
    first.stop()
    second = call.take_over(first)
    call.client.forward(check())
    await call.until(lambda: second.endpoint.counters()["stun_answered"] == 1)
    assert not second.is_checked


async def test_an_heir_says_nothing_before_its_claim_is_stored_and_a_second_one_never(call: MovingCall) -> None:
    first = await call.begin()
    await call.talk(first)
    assert first.store(call.registry) == "stored"
    first.stop()
    second, third = call.owner("pod-1"), call.owner("pod-2")
    sealed = call.registry.sealed
    claims = []
    for heir in (second, third):
        call.move(heir)
        inheritance = call.inherit(sealed, first)
        assert (inheritance.has_channels, inheritance.is_final) == (True, False)
        assert (inheritance.model, inheritance.configuration) == ("gpt-realtime", b"for the heir")
        assert CLOCK_ERROR_MS <= inheritance.elapsed_ms < CLOCK_ERROR_MS + PATIENCE_MS
        claims.append((inheritance, call.claim(inheritance, heir)))
        call.client.speak(3)
        await call.until(partial(has_datagrams, heir, 3))
        assert heir.engine.counters()["slots"] == 0
        assert heir.endpoint.counters()["sent_records"] == 0
    (won, claim), (lost, late) = claims
    assert call.registry.replace(claim) is None
    assert call.registry.replace(late) == claim.edition
    call.move(second)
    await call.talk(call.adopt(won, second))
    with pytest.raises(RuntimeError):
        call.claim(lost, third)
    # Nor while the other one talked.
    assert third.engine.counters()["slots"] == 0
    assert third.endpoint.counters()["sent_records"] == 0


def has_datagrams(owner: Owner, count: int) -> bool:
    return owner.endpoint.counters()["received_datagrams"] >= count


async def test_owner_follows_owner_and_reports_of_the_client_say_that_it_has_followed(call: MovingCall) -> None:
    owner = await call.begin()
    await call.talk(owner)
    assert owner.store(call.registry) == "stored"
    # One more than leaps in a row that nobody hears of.
    for _ in range(4):
        owner.stop()
        owner = call.take_over(owner)
        await call.talk(owner)
        call.client.report()
        await call.until(partial(reported, owner))
        assert owner.store(call.registry) == "stored"
    owner.stop()
    for _ in range(3):
        owner = call.take_over(owner)
        owner.stop()
    with pytest.raises(NotInheritable, match=r"^too_many_leaps$"):
        call.take_over(owner)


def is_held_back(owner: Owner) -> bool:
    return owner.held.is_held_back


def reported(owner: Owner) -> bool:
    assert owner.media is not None
    return owner.media.statistics()["remote_mos"] is not None


async def test_a_data_channel_waits_for_the_next_export_when_its_numbers_are_used_up(call: MovingCall) -> None:
    first = await call.begin()
    assert not is_held_back(first)
    assert first.store(call.registry) == "stored"
    text = "x" * 60_000
    said = 0
    while not is_held_back(first):
        if first.say(text):
            said += 1
        await call.carry()
        assert said <= TSNS
    assert first.channels is not None
    channels = first.channels
    # Whatever went is acknowledged, and it waits for nothing that comes by itself: so no more will go.
    await call.until(lambda: channels.next_timeout_us() is None)
    assert call.witness.count("tsn") <= TSNS + 1
    assert len(call.client.texts) < said
    assert first.store(call.registry) == "stored"
    assert not is_held_back(first)
    await call.until(lambda: len(call.client.texts) == said)
    # Its heir leaps over what it may have used, which by now is more than one allotment from the first export.
    first.stop()
    second = call.take_over(first)
    await call.talk(second)
