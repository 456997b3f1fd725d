"""A call's states: every event in every state, the one reason of its end, the times of its milestones."""

from itertools import product

import pytest

from antiphon_transceiver.call import (
    TRANSITIONS,
    Call,
    CallEvent,
    CallState,
    ImpossibleTransitionError,
    Milestone,
)
from antiphon_wire.control import EndReason


def see(call: Call, event: CallEvent, now: float = 10.0) -> None:
    match event:
        case CallEvent.CHECKED:
            call.checked(now)
        case CallEvent.SECURED:
            call.secured(now)
        case CallEvent.END:
            call.end(EndReason.HANGUP, now)


@pytest.mark.parametrize(("state", "event"), list(product(CallState, CallEvent)))
def test_every_event_in_every_state_is_in_the_table_or_impossible(state: CallState, event: CallEvent) -> None:
    call = Call(offered_at=0.0, state=state)
    if (state, event) in TRANSITIONS:
        see(call, event)
        assert call.state is TRANSITIONS[state, event]
    elif (state, event) == (CallState.ENDED, CallEvent.END):
        assert not call.end(EndReason.HANGUP, 10.0)
    else:
        with pytest.raises(ImpossibleTransitionError):
            see(call, event)
        assert call.state is state


def test_every_state_but_the_end_can_end() -> None:
    assert {state for state, event in TRANSITIONS if event is CallEvent.END} == set(CallState) - {CallState.ENDED}


def test_of_several_reasons_the_first_stands() -> None:
    call = Call(offered_at=0.0)
    assert call.end(EndReason.SETUP_TIMEOUT, 60.0)
    assert not call.end(EndReason.HANGUP, 61.0)
    assert call.reason is EndReason.SETUP_TIMEOUT
    assert call.age_s(100.0) == 60.0


def test_milestones_are_reached_once_and_counted_from_the_offer() -> None:
    call = Call(offered_at=5.0)
    call.checked(5.25)
    call.secured(5.5)
    assert call.milestones_ms == {Milestone.CHECKED: 250.0, Milestone.SECURED: 500.0}
    assert not call.reach(Milestone.CHECKED, 8.0)
