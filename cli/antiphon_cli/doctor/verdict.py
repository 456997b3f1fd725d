"""What a check says. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from antiphon_cli.cluster.snapshot import Fleet
from antiphon_cli.doctor.observation import Observation


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, and something is worth knowing."""
    FAILURE = "failure"
    SKIPPED = "skipped"


class Group(StrEnum):
    """The groups by which checks can be chosen; the value is how a code begins."""

    CLUSTER = "AP1"
    ADDRESS = "AP2"
    UDP = "AP3"
    CALL = "AP4"
    ROUTES = "AP5"
    AGENT = "AP6"
    SCALING = "AP7"
    SECURITY = "AP8"


@dataclass(frozen=True)
class Verdict:
    level: Level
    said: str
    """A short note where all is well, else one sentence."""
    look: str = ""
    """The command that shows it."""
    cure: str = ""


def ok(note: str = "") -> Verdict:
    return Verdict(Level.OK, note)


def warning(said: str, *, look: str, cure: str) -> Verdict:
    return Verdict(Level.WARNING, said, look, cure)


def failure(said: str, *, look: str, cure: str) -> Verdict:
    return Verdict(Level.FAILURE, said, look, cure)


def skipped(why: str) -> Verdict:
    return Verdict(Level.SKIPPED, why)


@dataclass(frozen=True)
class ClusterCheck:
    """Once for a cluster. A judge that asks for what could not be read raises, and the check is skipped."""

    code: str
    title: str
    """What holds when it is ok."""
    judge: Callable[[Observation], Verdict]
    before_install: bool = False
    """Makes sense where nothing is installed yet."""
    only_before_install: bool = False


@dataclass(frozen=True)
class FleetCheck:
    """Once for every VoiceRelay."""

    code: str
    title: str
    judge: Callable[[Fleet, Observation], Verdict]


Check = ClusterCheck | FleetCheck


@dataclass(frozen=True)
class Finding:
    code: str
    title: str
    subject: str
    """The VoiceRelay; empty: the cluster."""
    verdict: Verdict
