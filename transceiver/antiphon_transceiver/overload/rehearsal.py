"""The start's measurement: what a call costs here, and so how many the pod carries."""

import logging
from math import inf

from antiphon_transceiver._extension import call_cost
from antiphon_transceiver.backends import BackendKind
from antiphon_transceiver.media import MediaSettings
from antiphon_transceiver.overload.budget import Work, calls_carried
from antiphon_transceiver.overload.settings import CapacitySetting

logger = logging.getLogger(__name__)


def rehearse(setting: CapacitySetting, media: MediaSettings, kind: BackendKind, *, cpus: float) -> int | None:
    """How many calls the CPUs carry; takes as long as the setting says. None: the setting is not to measure."""
    if setting.probe_s == 0:
        return None
    call_ms, cpu_us, elapsed_us = call_cost(
        workers=media.workers,
        seconds=setting.probe_s,
        frame_ms=media.frame_ms,
        bitrate=media.bitrate,
        complexity=media.complexity,
    )
    # By CPU time, not by the clock's: neighbours that are busy just now, as other pods that start, make it no slower.
    work = Work(max(cpu_us, 1) / 1000 / call_ms)
    # Without a number there are as many as CPUs.
    workers = media.workers or inf
    carried = calls_carried(work, cpus, kind=kind, chunk_ms=media.chunk_ms, workers=workers)
    fields = {
        "calls": carried,
        "cpus": round(cpus, 2),
        "cpu_ms_per_call_second": round(work.cpu_share * 1000, 2),
        "had_cpus": round(cpu_us / max(elapsed_us, 1), 2),
        "took_ms": round(elapsed_us / 1000),
    }
    logger.info("capacity measured", extra={"fields": fields})
    if setting.most is not None and setting.most > carried:
        logger.warning(
            "ANTIPHON_CAPACITY is more than this pod carries", extra={"fields": {"set": setting.most, "calls": carried}}
        )
    return carried
