from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from antiphon_transceiver.backends.conversation import MOST_RESPONSE_MS, Conversation
from antiphon_transceiver.backends.outbox import BYTES_PER_MS
from antiphon_transceiver.media import Playout
from realtime_server import RecordedCall


class Story:
    """A conversation, its call, and what was sent to the backend."""

    def __init__(self, *, first_word: str | None = None, room: bool = True) -> None:
        self.call = RecordedCall()
        self.sent: list[dict[str, Any]] = []
        self.sent_after_sound: list[str] = []
        self.room = room
        self.conversation = Conversation(
            first_word=first_word, send=self._send, send_after_sound=self._send_after_sound
        )

    def _send(self, text: str) -> bool:
        if self.room:
            self.sent.append(json.loads(text))
        return self.room

    def _send_after_sound(self, text: str) -> bool:
        if self.room:
            self.sent_after_sound.append(text)
        return self.room

    def server(self, kind: str, **fields: object) -> None:
        self.conversation.server_event(json.dumps({"type": kind, **fields}), self.call)

    def client(self, kind: str, **fields: object) -> None:
        self.conversation.client_event(json.dumps({"type": kind, **fields}), self.call)

    def audio(self, pcm: bytes, *, item: str = "i1", response: str = "r1", content_index: int = 0) -> None:
        self.server(
            "response.output_audio.delta",
            item_id=item,
            response_id=response,
            content_index=content_index,
            delta=b64encode(pcm).decode(),
        )

    def truncations(self) -> list[tuple[str, int, int]]:
        cuts = [event for event in self.sent if event["type"] == "conversation.item.truncate"]
        return [(event["item_id"], event["content_index"], event["audio_end_ms"]) for event in cuts]


def test_the_session_is_asked_for_once_when_the_backend_is_there() -> None:
    story = Story(first_word='{"type": "session.update", "session": {}}')
    assert story.sent == []
    story.server("session.created", session={})
    story.server("session.created", session={})
    assert [event["type"] for event in story.sent] == ["session.update"]
    assert story.call.event_types() == ["session.created"] * 2


def test_sound_is_played_and_every_other_event_is_the_clients() -> None:
    story = Story()
    story.server("response.created", response={"id": "r1"})
    story.audio(b"\1\0\2\0")
    story.server("response.output_audio.done", item_id="i1")
    story.server("something.new", anything=[1])
    assert story.call.played == [("i1", b"\1\0\2\0")]
    assert story.call.event_types() == ["response.created", "response.output_audio.done", "something.new"]


def test_the_call_is_told_when_no_more_comes_of_what_was_said_last() -> None:
    story = Story()
    story.audio(bytes(4))
    story.server("response.output_audio.done", item_id="another")
    assert story.call.complete == []
    story.server("response.output_audio.done", item_id="i1")
    story.server("response.output_audio.done", item_id="i1")
    assert story.call.complete == ["i1"]


def test_a_sample_cut_in_two_is_put_together_but_not_across_items() -> None:
    story = Story()
    story.audio(b"\1\0\2")
    story.audio(b"\3\4\5")
    story.audio(b"\6", item="i2")
    story.audio(b"\7", item="i2")
    assert story.call.played == [("i1", b"\1\0"), ("i1", b"\2\3\4\5"), ("i2", b""), ("i2", b"\6\7")]


def test_speech_flushes_and_tells_how_far_the_answer_was_heard() -> None:
    story = Story()
    story.audio(bytes(960), content_index=2)
    story.call.playout = Playout("i1", 740, unplayed_ms=260, unheard=("i2",))
    story.server("input_audio_buffer.speech_started", audio_start_ms=1)
    assert story.call.flushes == 1
    assert story.truncations() == [("i1", 2, 740), ("i2", 0, 0)]
    assert story.call.event_types() == ["input_audio_buffer.speech_started"]


def test_what_comes_of_a_cut_response_is_not_played_and_the_next_one_is() -> None:
    story = Story()
    story.audio(bytes(4))
    story.call.playout = Playout("i1", 0, unplayed_ms=1)
    story.server("input_audio_buffer.speech_started")
    story.audio(bytes(4))
    story.audio(b"\1\0", item="i2", response="r2")
    assert story.call.played == [("i1", bytes(4)), ("i2", b"\1\0")]


def test_a_server_that_names_no_responses_is_cut_by_item() -> None:
    story = Story()
    story.audio(bytes(4), response="")
    story.server("input_audio_buffer.speech_started")
    story.audio(bytes(4), response="")
    story.audio(bytes(2), item="i2", response="")
    assert story.call.played == [("i1", bytes(4)), ("i2", bytes(2))]


def test_an_answer_that_was_heard_to_its_end_is_not_truncated() -> None:
    story = Story()
    story.audio(bytes(960))
    story.server("response.output_audio.done", item_id="i1")
    story.call.playout = Playout("i1", 20)
    story.server("input_audio_buffer.speech_started")
    assert story.truncations() == []


def test_an_answer_of_which_more_would_have_come_is_truncated_where_it_is() -> None:
    story = Story()
    story.audio(bytes(960))
    story.call.playout = Playout("i1", 20)
    story.server("input_audio_buffer.speech_started")
    assert story.truncations() == [("i1", 0, 20)]


def test_a_session_that_is_not_to_be_interrupted_is_not() -> None:
    story = Story()
    detection = {"type": "server_vad", "interrupt_response": False}
    story.server("session.updated", session={"audio": {"input": {"turn_detection": detection}}})
    story.audio(bytes(4))
    story.server("input_audio_buffer.speech_started")
    story.audio(bytes(4))
    assert story.call.flushes == 0
    assert len(story.call.played) == 2


def test_the_client_clears_the_output_here_and_not_at_the_backend() -> None:
    story = Story()
    story.audio(bytes(960))
    story.call.playout = Playout("i1", 10, unplayed_ms=10)
    story.client("output_audio_buffer.clear")
    assert story.truncations() == [("i1", 0, 10)]
    assert [event["type"] for event in story.sent] == ["conversation.item.truncate"]
    assert story.call.events[-1]["type"] == "output_audio_buffer.cleared"
    assert story.call.events[-1]["response_id"] == "r1"


def test_a_full_queue_is_said_once_and_the_rest_of_the_response_is_left_out() -> None:
    story = Story()
    story.call.full = True
    story.audio(bytes(4))
    story.call.full = False
    story.audio(bytes(4))
    story.audio(bytes(2), item="i2", response="r2")
    assert [event["error"]["code"] for event in story.call.events] == ["playout_full"]
    assert story.call.played == [("i2", bytes(2))]


@pytest.mark.parametrize("responses", [["r1"], ["", "r2"], ["r1", "r2", "r3"]])
def test_a_response_of_many_items_is_as_long_as_one_may_be_and_its_end_is_said_once(responses: list[str]) -> None:
    """`responses`: those that speak in turns; one without a name is no longer than each of its items may be."""
    story = Story()
    minute = bytes(60_000 * BYTES_PER_MS)
    minutes = MOST_RESPONSE_MS // 60_000
    for number in range(minutes + 3):
        for response in responses:
            story.audio(minute, item=f"{response or 'same'} {number if response else ''}", response=response)
    for response in responses:
        spoken = [item for item, _ in story.call.played if item.startswith(f"{response or 'same'} ")]
        assert len(spoken) == minutes
    assert [event["error"]["code"] for event in story.call.events] == ["playout_full"] * len(responses)
    assert len({event["event_id"] for event in story.call.events}) == len(responses)
    assert all(event["type"] == "error" and event["error"]["type"] == "server_error" for event in story.call.events)
    story.audio(bytes(2), item="another", response="r4")
    assert story.call.played[-1] == ("another", bytes(2))


def test_a_response_that_is_cut_off_ends_its_sound_there() -> None:
    story = Story()
    story.audio(bytes(MOST_RESPONSE_MS * BYTES_PER_MS), item="i1")
    assert story.call.complete == []
    story.audio(bytes(2), item="i1")
    assert story.call.complete == ["i1"]


def test_errors_about_our_own_events_are_not_the_clients() -> None:
    story = Story()
    story.audio(bytes(960))
    story.server("input_audio_buffer.speech_started")
    story.call.events.clear()
    story.call.playout = Playout("i1", 0, unplayed_ms=20)
    story.client("output_audio_buffer.clear")
    story.call.events.clear()
    about = next(event["event_id"] for event in story.sent if event["type"] == "conversation.item.truncate")
    story.server("error", error={"event_id": about, "message": "already truncated"})
    story.server("error", error={"event_id": "theirs", "message": "no"})
    assert [event["error"]["event_id"] for event in story.call.events] == ["theirs"]


def test_what_the_client_says_goes_behind_the_sound_and_what_we_say_does_not_wait() -> None:
    story = Story(first_word='{"type": "session.update", "session": {}}')
    story.server("session.created", session={})
    story.client("input_audio_buffer.commit")
    story.audio(bytes(960))
    story.call.playout = Playout("i1", 10, unplayed_ms=10)
    story.server("input_audio_buffer.speech_started")
    assert story.sent_after_sound == ['{"type": "input_audio_buffer.commit"}']
    assert [event["type"] for event in story.sent] == ["session.update", "conversation.item.truncate"]


def test_a_client_is_told_what_was_wrong_with_its_event_and_when_the_backend_is_busy() -> None:
    story = Story(room=False)
    story.client("response.create")
    story.conversation.client_event("not an event", story.call)
    assert [event["error"]["code"] for event in story.call.events] == ["backend_busy", "invalid_event"]
    assert (story.sent, story.sent_after_sound) == ([], [])


def test_a_backend_that_talks_nonsense_is_counted_and_its_nonsense_not_passed_on() -> None:
    story = Story()
    story.conversation.server_event("nonsense", story.call)
    story.server("response.output_audio.delta", item_id="i", delta="?")
    assert story.conversation.malformed == 2
    assert story.call.events == []


def test_an_update_nested_too_deep_to_be_written_is_no_event() -> None:
    story = Story()
    for levels in (253, 300, 1000, 5000):
        text = '{"type":"session.update","session":{"a":' + "[" * levels + "]" * levels + "}}"
        story.conversation.client_event(text, story.call)
    assert [event["error"]["code"] for event in story.call.events] == ["invalid_event"] * 4
    assert (story.sent, story.sent_after_sound) == ([], [])
