"""`antiphon doctor`: looks, judges, tells."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from antiphon_cli.cluster.connection import NoClusterError, connected
from antiphon_cli.cluster.reading import NotReadError
from antiphon_cli.cluster.scope import Scope
from antiphon_cli.doctor.checks import CALL_CODE, RIGHTS_CODE, ChoiceError, chosen, findings, unreached
from antiphon_cli.doctor.observe import Errand, observe
from antiphon_cli.doctor.report import document, has_failed, lines, marks_for, summary
from antiphon_cli.doctor.verdict import Check, Finding

BAD_USAGE = 2


@dataclass(frozen=True)
class DoctorRequest:
    scope: Scope
    only: tuple[str, ...]
    before_install: bool
    signaling_url: str | None
    as_json: bool


def doctor(request: DoctorRequest, environ: Mapping[str, str]) -> int:
    """0: nothing failed; 1: something did; 2: it was called wrongly."""
    try:
        checks = chosen(request.only, before_install=request.before_install)
    except ChoiceError as error:
        print(f"antiphon: --only: {error}", file=sys.stderr)
        return BAD_USAGE
    found = asyncio.run(examine(request, checks, environ))
    if request.as_json:
        print(json.dumps(document(found), indent=1))
    else:
        print("\n".join([*lines(found, marks_for(sys.stdout.encoding)), summary(found)]))
    return 1 if has_failed(found) else 0


async def examine(request: DoctorRequest, checks: Sequence[Check], environ: Mapping[str, str]) -> list[Finding]:
    codes = {check.code for check in checks}
    errand = Errand(
        call=CALL_CODE in codes,
        signaling_url=request.signaling_url,
        install_rights=RIGHTS_CODE in codes,
        say=_untold if request.as_json else _tell,
    )
    try:
        async with connected(request.scope, environ) as connection:
            errand.say(f"looking at {connection.where} ({connection.api.url}) …")
            return list(findings(checks, await observe(connection, errand)))
    except (NoClusterError, NotReadError) as error:
        return list(unreached(checks, str(error)))


def _tell(said: str) -> None:
    print(said, file=sys.stderr, flush=True)


def _untold(_said: str) -> None:
    return
