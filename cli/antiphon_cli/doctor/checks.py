"""All checks in their order, the choice among them, and what they find. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from antiphon_cli.cluster.reading import NotReadError
from antiphon_cli.cluster.snapshot import fleets
from antiphon_cli.doctor import (
    address_checks,
    agent_checks,
    call_checks,
    cluster_checks,
    route_checks,
    scaling_checks,
    security_checks,
    udp_checks,
)
from antiphon_cli.doctor.observation import Observation
from antiphon_cli.doctor.verdict import Check, ClusterCheck, Finding, FleetCheck, Group, Verdict, failure, skipped

CHECKS: tuple[Check, ...] = (
    *cluster_checks.CHECKS,
    *address_checks.CHECKS,
    *udp_checks.CHECKS,
    *call_checks.CHECKS,
    *route_checks.CHECKS,
    *agent_checks.CHECKS,
    *scaling_checks.CHECKS,
    *security_checks.CHECKS,
)
SERVER_CODE = "AP101"
CALL_CODE = "AP401"
RIGHTS_CODE = "AP106"


class ChoiceError(Exception):
    """No check is called so; the message is one sentence."""


def chosen(only: Sequence[str], *, before_install: bool) -> tuple[Check, ...]:
    """`only`: codes such as AP401, or groups such as AP4 or call."""
    usable = [check for check in CHECKS if _fits(check, before_install=before_install)]
    codes = {code for name in only for code in _codes(name, usable)}
    return tuple(check for check in usable if not only or check.code in codes)


def findings(checks: Sequence[Check], seen: Observation) -> Iterator[Finding]:
    for check in checks:
        if isinstance(check, ClusterCheck):
            yield Finding(check.code, check.title, "", _judged(partial(check.judge, seen)))
        else:
            yield from _of_fleets(check, seen)


def unreached(checks: Sequence[Check], why: str) -> Iterator[Finding]:
    """What is found where the API server does not answer."""
    for check in checks:
        verdict = skipped("the API server does not answer")
        if check.code == SERVER_CODE:
            look = "kubectl cluster-info; kubectl config get-contexts"
            verdict = failure(f"{why[:1].upper()}{why[1:]}.", look=look, cure="Choose another with --context.")
        yield Finding(check.code, check.title, "", verdict)


def _of_fleets(check: FleetCheck, seen: Observation) -> Iterator[Finding]:
    try:
        there = fleets(seen.snapshot)
    except NotReadError as error:
        yield Finding(check.code, check.title, "", skipped(str(error)))
        return
    if not there:
        yield Finding(check.code, check.title, "", skipped(f"there is no VoiceRelay in {seen.snapshot.where}"))
    for fleet in there:
        verdict = _judged(partial(check.judge, fleet, seen))
        yield Finding(check.code, check.title, str(fleet.relay.name), verdict)


def _judged(judge: Callable[[], Verdict]) -> Verdict:
    try:
        return judge()
    except NotReadError as error:
        return skipped(str(error))


def _fits(check: Check, *, before_install: bool) -> bool:
    if isinstance(check, FleetCheck):
        return not before_install
    return check.before_install if before_install else not check.only_before_install


def _codes(name: str, usable: Sequence[Check]) -> list[str]:
    groups = {group.name: group.value for group in Group} | {group.value: group.value for group in Group}
    prefix = groups.get(name.upper(), name.upper())
    found = [
        check.code
        for check in usable
        if check.code == prefix or (prefix in groups.values() and check.code.startswith(prefix))
    ]
    if not found:
        known = ", ".join(group.name.lower() for group in Group)
        raise ChoiceError(
            f"no check here is called {name!r}. There are {usable[0].code} to {usable[-1].code}, and: {known}"
        )
    return found
