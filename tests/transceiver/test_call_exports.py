"""When a call can be written down, who can read that, and what an owner hears of the registry."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from antiphon_transceiver._extension import LONGEST_EXPORT, CallInheritance, NotExportable, NotInheritable
from hop_relay import add_call
from moving_call import (
    CALL_ID,
    CLOCK_ERROR_MS,
    KEY,
    KEY_ID,
    MovingCall,
    Owner,
    data_channels,
    now_ms,
    start,
    tenure,
)
from moving_client import OPUS, OUR_SSRC


@pytest.fixture
async def call() -> AsyncIterator[MovingCall]:
    moving = MovingCall()
    yield moving
    await moving.end()


async def test_what_is_not_established_is_not_exported_and_the_reason_is_said(call: MovingCall) -> None:
    owner = call.owner("pod-0")
    call.move(owner)
    owner.handle = add_call(owner.endpoint)
    secured = call.client.secured()
    owner.records = secured.records
    owner.media = owner.engine.open(owner.handle, coding="opus", payload_type=OPUS, ssrc=OUR_SSRC, cname="antiphon")
    owner.tenure = tenure(owner)
    with pytest.raises(NotExportable, match=r"^no_address$"):
        owner.export()
    await call.check(owner)
    with pytest.raises(NotExportable, match=r"^not_started$"):
        owner.export()
    start(owner.media, secured.keys)
    # Nobody knows whether the client has our Finished.
    with pytest.raises(NotExportable, match=r"^flight_unheard$"):
        owner.export()
    call.client.speak(1)
    await call.until(lambda: owner.count("packets_received") == 1)
    assert owner.store(call.registry) == "stored"
    with pytest.raises(RuntimeError):
        tenure(owner)
    owner.media.stop()
    with pytest.raises(NotExportable, match=r"^not_started$"):
        owner.export()


async def test_channels_that_are_negotiated_and_not_up_hold_the_export_back(call: MovingCall) -> None:
    owner = call.owner("pod-0")
    call.move(owner)
    owner.handle = add_call(owner.endpoint)
    secured = call.client.secured()
    owner.records, owner.channels = secured.records, data_channels()
    owner.media = owner.engine.open(owner.handle, coding="opus", payload_type=OPUS, ssrc=OUR_SSRC, cname="antiphon")
    await call.check(owner)
    start(owner.media, secured.keys)
    owner.tenure = tenure(owner)
    with pytest.raises(NotExportable, match=r"^channels_opening$"):
        owner.export()
    owner.channels.connect()
    await call.client.open()
    await call.until(lambda: call.client.channel.readyState == "open")
    # Refused as it was, it was no offer: the first one is that of a call that was never exported.
    assert (export := owner.export()).expected == b""
    assert owner.held.settle(export, call.registry.replace(export)) == "stored"
    assert export.edition == bytes(8)


async def test_a_call_whose_channels_are_over_is_exported_without(call: MovingCall) -> None:
    first = await call.begin()
    assert first.channels is not None
    assert first.store(call.registry) == "stored"
    first.channels.abort()
    first.turn()
    assert first.store(call.registry) == "stored"
    first.stop()
    second = call.take_over(first)
    assert second.channels is None
    call.client.speak(5)
    await call.until(lambda: second.count("packets_received") == 5)


async def test_the_registry_may_forget_and_the_owner_begins_anew(call: MovingCall) -> None:
    first = await call.begin()
    assert first.store(call.registry) == "stored"
    call.registry.sealed = b""
    assert first.store(call.registry) == "gone"
    first.held.begin_anew()
    assert first.store(call.registry) == "stored"
    older = call.registry.sealed
    # Nobody has heard the answer to this one.
    call.registry.replace(first.export())
    assert first.store(call.registry) == "other"
    assert first.store(call.registry) == "stored"
    call.registry.sealed = older
    # It has forgotten what it had promised: what was sent since the older one was not counted by it.
    assert first.store(call.registry) == "other"
    assert first.say("something that has to wait")
    assert first.held.is_held_back
    packets = len(call.client.packets)
    first.play(0.2)
    await call.until(lambda: first.count("withheld") >= 10)
    assert (call.client.texts, len(call.client.packets)) == ([], packets)
    assert first.store(call.registry) == "stored"
    await call.until(lambda: call.client.texts == ["something that has to wait"])
    await call.talk(first)


async def test_an_export_is_opened_by_those_alone_whose_it_is(call: MovingCall) -> None:
    first = await call.begin()
    assert first.store(call.registry) == "stored"
    sealed = call.registry.sealed
    assert CallInheritance.key_id_of(sealed) == KEY_ID
    stranger = Owner("pod-9", first.endpoint, first.engine, first.port)
    for wrong, by, later_ms, why in (
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), first, 0, "unauthentic"),
        (sealed, stranger, 0, "unauthentic"),
        (b"\2" + sealed[1:], first, 0, "unknown_version"),
        (sealed[:20], first, 0, "wrong_length"),
        (sealed, first, 70_000, "too_old"),
        (sealed, first, -5_000, "from_the_future"),
    ):
        with pytest.raises(NotInheritable, match=rf"^{why}$"):
            call.inherit(wrong, by, later_ms=later_ms)
    with pytest.raises(ValueError, match="32 bytes"):
        CallInheritance(
            sealed, key=KEY[1:], pod="pod-0", route=1, call_id=CALL_ID, now_ms=now_ms(), clock_error_ms=CLOCK_ERROR_MS
        )
    # The call lives here, or its ufrag does.
    with pytest.raises(NotInheritable, match=r"^ufrag_in_use$"):
        call.claim(call.inherit(sealed, first), first)
    inheritance = call.inherit(sealed, first)
    with pytest.raises(RuntimeError):
        inheritance.begin()


async def test_a_tenure_holds_to_the_sizes_that_it_names(call: MovingCall) -> None:
    first = await call.begin()
    for key, configuration in ((KEY, bytes(64 * 1024 + 1)), (bytes(31), b"")):
        with pytest.raises(ValueError, match="bytes"):
            first.held.export(key=key, key_id=KEY_ID, now_ms=now_ms(), configuration=configuration)
    export = first.export()
    assert len(export.sealed) < 2048 < LONGEST_EXPORT
    with pytest.raises(ValueError, match="8 bytes"):
        first.held.settle(export, bytes(7))
