"""AP4: a real call. Pure."""

from __future__ import annotations

from antiphon_cli.cluster.snapshot import Fleet
from antiphon_cli.doctor.observation import Observation
from antiphon_cli.doctor.verdict import FleetCheck, Verdict, failure, ok, skipped
from antiphon_cli.local.own_command import own_command
from antiphon_cli.voice.report import Outcome

CURES = {
    Outcome.HTTP: "Look at signaling's pods and at AP501 and AP502; the code in the message is in docs/errors.md.",
    Outcome.ICE: "HTTP works and UDP does not: see AP201 to AP304. If those are well, a firewall is likely.",
    Outcome.DTLS: "UDP arrives, and the handshake does not end: see the transceiver's log, and the path's MTU.",
    Outcome.AUDIO: "Connected, and nothing is heard: see AP601 and the agent's log.",
}


def a_call_works(fleet: Fleet, seen: Observation) -> Verdict:
    tried = seen.calls.get(fleet.relay.name)
    if tried is None:
        return skipped("no pool is Ready to take a call")
    report = tried.known()
    if report.outcome is Outcome.OK:
        turn = f", answer after {report.turns[0].delay_ms:.0f} ms" if report.turns else ""
        return ok(f"set-up {report.setup.total_ms or 0:.0f} ms{turn}")
    place = fleet.relay.name.namespace
    return failure(
        f"A call failed at {report.outcome.stage}: {report.failure}.",
        look=f"kubectl -n {place} logs -l antiphon.dev/relay={fleet.relay.name.name} --tail 20 --prefix;"
        f" {own_command()} call URL",
        cure=CURES[report.outcome],
    )


CHECKS = (FleetCheck("AP401", "a call is set up, and an answer is heard", a_call_works),)
