from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.backends.outbox import MOST_EVENT_BYTES, MOST_EVENTS, MOST_SOUND_MS, Outbox

MS = 48
"""Bytes."""


def drain(outbox: Outbox) -> list[bytes | str]:
    taken = []
    while (entry := outbox.take()) is not None:
        taken.append(entry)
    return taken


def test_sound_and_events_go_as_they_came() -> None:
    outbox = Outbox()
    outbox.hear(b"\1" * 20 * MS)
    assert outbox.put_event("commit")
    outbox.hear(b"")
    outbox.hear(b"\2" * 40 * MS)
    outbox.hear(b"\3" * 5 * MS)
    assert drain(outbox) == [b"\1" * 960, "commit", b"\2" * 1920, b"\3" * 240]


def test_beyond_two_seconds_the_oldest_sound_goes_and_no_event() -> None:
    outbox = Outbox()
    for number in range(150):
        if number == 50:
            outbox.put_event("event")
        outbox.hear(bytes([number >= 50]) * 20 * MS)
    assert outbox.dropped_ms == 1000
    entries = drain(outbox)
    assert entries[0] == "event"
    assert b"".join(entry for entry in entries if isinstance(entry, bytes)) == b"\1" * MOST_SOUND_MS * MS


def test_events_are_bounded_in_number_and_in_bytes() -> None:
    outbox = Outbox()
    assert [outbox.put_event("x") for _ in range(MOST_EVENTS + 2)] == [True] * MOST_EVENTS + [False] * 2
    outbox.take()
    assert outbox.put_event("y")
    assert not Outbox().put_event("x" * (MOST_EVENT_BYTES + 1))


def test_an_event_takes_the_room_of_its_utf_8() -> None:
    outbox, quarter = Outbox(), "🦜" * (MOST_EVENT_BYTES // 16)
    assert [outbox.put_event(quarter) for _ in range(5)] == [True] * 4 + [False]
    outbox.take()
    assert outbox.put_event(quarter)
    assert not outbox.put_event("x")


def test_what_is_held_lets_sound_go_before_it_until_it_is_released() -> None:
    outbox = Outbox()
    assert outbox.hold_event("commit")
    assert outbox.hold_event("create")
    assert outbox.take() is None
    outbox.hear(b"\1" * 20 * MS)
    assert outbox.put_event("ours")
    outbox.release(1)
    outbox.hear(b"\2" * 20 * MS)
    assert (outbox.held, drain(outbox)) == (1, [b"\1" * 960, "ours", "commit", b"\2" * 960])
    outbox.release(9)
    assert (outbox.held, drain(outbox)) == (0, ["create"])


def test_what_is_held_takes_room_too() -> None:
    outbox = Outbox()
    assert all(outbox.hold_event("x") for _ in range(MOST_EVENTS))
    assert not outbox.put_event("y")
    assert not outbox.hold_event("y")
    outbox.release(MOST_EVENTS)
    outbox.take()
    assert outbox.hold_event("y")


@given(st.lists(st.integers(0, 500) | st.sampled_from(["event", None]), max_size=60))
def test_against_the_model_order_is_kept_and_only_the_oldest_sound_is_lost(steps: list[int | str | None]) -> None:
    """A number says so many ms of sound, "event" an event, None takes one message."""
    outbox, samples = Outbox(), count()
    spoken, taken = bytearray(), list[bytes | str]()
    for number, step in enumerate([*steps, "event"]):
        if isinstance(step, int):
            sound = b"".join(next(samples).to_bytes(4, "big") for _ in range(step * MS // 4))
            outbox.hear(sound)
            spoken += sound
        elif step == "event":
            assert outbox.put_event(f"event {number}")
        else:
            taken += [entry for entry in (outbox.take(),) if entry is not None]
    waiting = drain(outbox)
    heard, rest = sound_of([*taken, *waiting]), sound_of(waiting)
    assert [entry for entry in [*taken, *waiting] if isinstance(entry, str)] == [
        f"event {number}" for number, step in enumerate([*steps, "event"]) if step == "event"
    ]
    assert (len(spoken) - len(heard)) // MS == outbox.dropped_ms
    assert len(rest) <= MOST_SOUND_MS * MS
    assert spoken.endswith(rest)
    assert outbox.dropped_ms or heard == spoken


def sound_of(entries: list[bytes | str]) -> bytes:
    return b"".join(entry for entry in entries if isinstance(entry, bytes))
