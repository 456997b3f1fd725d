"""What `antiphon doctor` finds, without a process of its own."""

from collections.abc import Sequence
from pathlib import Path

from antiphon_cli.cluster.scope import Scope
from antiphon_cli.doctor.checks import chosen
from antiphon_cli.doctor.examination import DoctorRequest, examine
from antiphon_cli.doctor.verdict import Finding


async def examined(
    kubeconfig: Path, namespace: str, only: Sequence[str] = (), *, before_install: bool = False
) -> dict[str, Finding]:
    """By code; for namespaces with at most one VoiceRelay."""
    request = DoctorRequest(
        scope=Scope(namespace=namespace),
        only=tuple(only),
        before_install=before_install,
        signaling_url=None,
        as_json=True,
    )
    checks = chosen(request.only, before_install=before_install)
    found = await examine(request, checks, {"KUBECONFIG": str(kubeconfig)})
    assert [finding.code for finding in found] == [check.code for check in checks]
    return {finding.code: finding for finding in found}
