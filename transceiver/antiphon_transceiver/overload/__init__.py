"""Honest overload: what this machine carries, when it takes no more, and who goes when it carries less."""

from antiphon_transceiver.overload.admission import Admission, Sign
from antiphon_transceiver.overload.cpu_allowance import CpuAllowance, Throttling
from antiphon_transceiver.overload.rehearsal import rehearse
from antiphon_transceiver.overload.settings import CapacitySetting, OverloadSettings
from antiphon_transceiver.overload.watch import OverloadWatch

__all__ = [
    "Admission",
    "CapacitySetting",
    "CpuAllowance",
    "OverloadSettings",
    "OverloadWatch",
    "Sign",
    "Throttling",
    "rehearse",
]
