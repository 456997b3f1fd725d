"""Events are said once, and a fault that flaps does not fill the list."""

from dataclasses import replace

from antiphon_operator.actions import Event, EventType
from antiphon_operator.events import AGAIN_AFTER_S, MOST_OF_A_REASON, Said

EVENT = Event(
    EventType.NORMAL, "ScaledUp", "from 1 to 2 pods", "antiphon.dev/v1alpha1", "TransceiverPool", "v", "a", "u1"
)


def test_the_same_words_come_once_in_ten_minutes() -> None:
    said = Said()
    assert said.is_news(EVENT, 0.0)
    assert not said.is_news(EVENT, AGAIN_AFTER_S - 1)
    assert said.is_news(EVENT, AGAIN_AFTER_S + 1)


def test_other_words_and_other_objects_are_news() -> None:
    said = Said()
    assert said.is_news(EVENT, 0.0)
    assert said.is_news(replace(EVENT, message="from 2 to 3 pods"), 1.0)
    assert said.is_news(replace(EVENT, uid="u2", name="b"), 1.0)


def test_one_reason_about_one_object_is_bounded() -> None:
    said = Said()
    news = [said.is_news(replace(EVENT, message=f"from {n} to {n + 1} pods"), float(n)) for n in range(20)]
    assert news.count(True) == MOST_OF_A_REASON
    assert said.is_news(replace(EVENT, reason="ScaledDown"), 20.0)
