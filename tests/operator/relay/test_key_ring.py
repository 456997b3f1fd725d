"""The key ring over simulated time: an operator that comes and goes, readers whose copies are old."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_operator.relay.key_ring import IDS, MOST_KEYS, UNATTENDED_S, Policy, Ring, first_ring, next_turn, turned
from antiphon_operator.relay.key_secret import data_of, read_secret
from voice_relays import new_secrets

START = 1_795_226_400
DAY_S = 86_400
DAILY = Policy(period_s=DAY_S, lead_s=600, life_s=DAY_S + 540)


@dataclass
class History:
    """What the Secret held from which moment on."""

    rings: list[tuple[int, Ring]] = field(default_factory=list)

    def at(self, moment: int) -> Ring:
        return next(ring for since, ring in reversed(self.rings) if since <= moment)

    def copies(self, moment: int, age_s: int) -> list[Ring]:
        """Every copy that a pod may have whose Secret is at most that old."""
        oldest = moment - age_s
        return [ring for since, ring in self.rings if oldest < since <= moment] + (
            [self.at(oldest)] if self.rings[0][0] <= oldest else []
        )


@dataclass(frozen=True)
class Step:
    after_s: int
    is_attended: bool
    """Whether the operator looks at the moments that it asked for, or only at the end."""
    asks: bool


steps = st.lists(st.builds(Step, st.integers(1, 3 * DAY_S), st.booleans(), st.booleans()), min_size=1, max_size=12)
policies = st.builds(
    lambda period_s, lead_share, life_s: Policy(period_s, max(1, int(period_s * lead_share)), life_s),
    st.integers(600, 2 * DAY_S),
    st.floats(0.001, 0.9),
    st.integers(3_600, 3 * DAY_S),
)


def lived(policy: Policy, happened: list[Step]) -> History:
    secrets, now, wishes = new_secrets(), START, 0
    ring = first_ring(0, "", policy, now, secrets)
    history = History([(now, ring)])
    for step in happened:
        until = now + step.after_s
        while now < until:
            now = min(until, max(now + 1, next_turn(ring, policy))) if step.is_attended else until
            wishes += step.asks and now == until
            turn = turned(ring, f"wish {wishes}" if wishes else "", policy, now, secrets)
            if turn != ring:
                ring = turn
                history.rings.append((now, ring))
    return history


def moments(history: History, policy: Policy) -> list[int]:
    """Where anything can change, and just before and after."""
    edges = {moment for since, ring in history.rings for moment in (since, *(key.mint_from for key in ring.keys))}
    ends = {key.mint_until for _, ring in history.rings for key in ring.keys}
    last = history.rings[-1][0] + policy.period_s
    around = {moment + shift for moment in edges | ends for shift in (-1, 0, 1, policy.lead_s)}
    return sorted(moment for moment in around if START <= moment <= last)


@settings(max_examples=60)
@given(policies, steps)
def test_some_key_may_always_mint_whatever_copy_a_pod_has(policy: Policy, happened: list[Step]) -> None:
    history = lived(policy, happened)
    for moment in moments(history, policy):
        for copy in history.copies(moment, policy.lead_s):
            assert copy.may_mint(moment)


@settings(max_examples=60)
@given(policies, steps)
def test_what_any_copy_mints_every_other_copy_reads_for_the_ticket_s_life(policy: Policy, happened: list[Step]) -> None:
    history = lived(policy, happened)
    for minted_at in moments(history, policy):
        for writer in history.copies(minted_at, policy.lead_s):
            key = max((key for key in writer.keys if key.may_mint(minted_at)), key=lambda key: key.mint_from)
            for read_at in (minted_at, minted_at + policy.life_s // 2, minted_at + policy.life_s - 1):
                for reader in history.copies(read_at, policy.lead_s):
                    found = next((other for other in reader.keys if other.secret == key.secret), None)
                    assert found is not None
                    assert read_at < found.accept_until


@settings(max_examples=60)
@given(policies, steps)
def test_ids_differ_within_a_ring_and_come_back_late(policy: Policy, happened: list[Step]) -> None:
    history = lived(policy, happened)
    made: dict[bytes, str] = {}
    for _, ring in history.rings:
        assert len({key.id for key in ring.keys}) == len(ring.keys)
        made |= {key.secret: key.id for key in ring.keys}
    order = list(made.values())
    for place, key_id in enumerate(order):
        assert key_id not in order[max(0, place - (len(IDS) - MOST_KEYS)) : place]


@settings(max_examples=15)
@given(policies, steps)
def test_readers_take_every_ring_and_it_reads_back_the_same(policy: Policy, happened: list[Step]) -> None:
    for _, ring in lived(policy, happened).rings:
        stored = read_secret({"data": data_of(ring), "metadata": {"annotations": {}}})
        assert not stored.is_damaged
        assert stored.ring.keys == ring.keys


@given(policies, st.integers(0, 5))
def test_nothing_changes_before_the_next_turn(policy: Policy, turns: int) -> None:
    secrets, now = new_secrets(), START
    ring = first_ring(0, "", policy, now, secrets)
    for _ in range(turns):
        now = next_turn(ring, policy)
        ring = turned(ring, "", policy, now, secrets)
    soon = next_turn(ring, policy)
    # The first key begins a minute early, and with a long lead the second is due at once.
    for moment in {now, (now + soon) // 2, soon - 1} if now < soon else ():
        assert turned(ring, "", policy, moment, secrets) == ring
    assert turned(ring, "", policy, soon, secrets) != ring


def test_an_unattended_ring_mints_for_a_month_past_its_time() -> None:
    ring = first_ring(0, "", DAILY, START, new_secrets())
    assert ring.may_mint(START + DAY_S + UNATTENDED_S - 61)


def test_after_years_alone_a_key_that_mints_at_once_is_made() -> None:
    ring = first_ring(0, "", DAILY, START, new_secrets())
    late = START + 1_000 * DAY_S
    turn = turned(ring, "", DAILY, late, new_secrets())
    assert [key.may_mint(late) for key in turn.keys] == [True]
    assert turn.epoch == 2


def test_a_wish_is_granted_once() -> None:
    secrets = new_secrets()
    ring = turned(first_ring(0, "", DAILY, START, secrets), "leak", DAILY, START + 100, secrets)
    assert [key.mint_from for key in ring.keys] == [START - 60, START + 100 + DAILY.lead_s]
    assert turned(ring, "leak", DAILY, START + 200, secrets) == ring
    assert turned(ring, "", DAILY, START + 200, secrets) == ring
    assert len(turned(ring, "another", DAILY, START + 200, secrets).keys) == 3


def test_a_key_that_was_replaced_stops_minting_one_lead_after_its_successor_begins() -> None:
    secrets = new_secrets()
    ring = turned(first_ring(0, "", DAILY, START, secrets), "leak", DAILY, START, secrets)
    old, new = ring.keys
    assert old.mint_until == new.mint_from + DAILY.lead_s
    assert old.accept_until == old.mint_until + DAILY.life_s


def test_a_key_is_removed_when_its_last_ticket_is_void() -> None:
    secrets = new_secrets()
    ring = turned(first_ring(0, "", DAILY, START, secrets), "leak", DAILY, START, secrets)
    old = ring.keys[0]
    assert old in turned(ring, "", DAILY, old.accept_until - 1, secrets).keys
    assert old.id not in {key.id for key in turned(ring, "", DAILY, old.accept_until, secrets).keys}


def test_longer_calls_lengthen_the_life_of_keys_that_still_mint() -> None:
    secrets = new_secrets()
    ring = first_ring(0, "", DAILY, START, secrets)
    week = replace(DAILY, life_s=7 * DAY_S)
    (key,) = turned(ring, "", week, START + 10, secrets).keys
    assert key.accept_until == key.mint_until + 7 * DAY_S


def test_shorter_calls_shorten_the_life_of_no_key() -> None:
    secrets = new_secrets()
    ring = first_ring(0, "", DAILY, START, secrets)
    hour = replace(DAILY, life_s=3_600)
    assert turned(ring, "", hour, START + 10, secrets) == ring
    rotated = turned(ring, "leak", hour, START + 10, secrets)
    assert rotated.keys[0].accept_until == rotated.keys[0].mint_until + DAILY.life_s


def test_a_longer_period_lets_the_newest_key_mint_for_it() -> None:
    secrets = new_secrets()
    ring = first_ring(0, "", DAILY, START, secrets)
    year = replace(DAILY, period_s=365 * DAY_S)
    ring = turned(ring, "", year, START + 10, secrets)
    assert ring.may_mint(START + 365 * DAY_S)


def test_rotation_faster_than_calls_end_is_held_and_goes_on_minting() -> None:
    hasty, secrets, now = Policy(period_s=60, lead_s=5, life_s=DAY_S), new_secrets(), START
    ring = first_ring(0, "", hasty, now, secrets)
    for _ in range(3 * MOST_KEYS):
        now = next_turn(ring, hasty)
        ring = turned(ring, "", hasty, now, secrets)
        assert len(ring.keys) <= MOST_KEYS
        assert ring.may_mint(now)
    assert now - START > DAY_S


@pytest.mark.parametrize("ahead_s", [1, 600, 100_000])
def test_a_key_that_waits_while_none_may_mint_is_brought_forward(ahead_s: int) -> None:
    secrets = new_secrets()
    (key,) = first_ring(0, "", DAILY, START, secrets).keys
    waiting = Ring((replace(key, mint_from=START + ahead_s),), 1)
    turn = turned(waiting, "", DAILY, START, secrets)
    assert [key.secret] == [other.secret for other in turn.keys]
    assert turn.may_mint(START)
