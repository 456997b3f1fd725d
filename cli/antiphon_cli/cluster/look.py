"""`antiphon status` of a cluster."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace

from antiphon_cli.cluster.ailments import ailments
from antiphon_cli.cluster.connection import Connection, NoClusterError, connected
from antiphon_cli.cluster.gather import ask_pods, gather
from antiphon_cli.cluster.overview import all_is_well, document, lines
from antiphon_cli.cluster.reading import NotReadError, RefusalReason, Refused, items
from antiphon_cli.cluster.scope import Scope
from antiphon_cli.cluster.snapshot import Snapshot
from antiphon_cli.local.own_command import own_command


async def look(scope: Scope, environ: Mapping[str, str], *, as_json: bool) -> int:
    """0: everything is Ready; 1: something is not, or nothing is there, or the cluster cannot be read."""
    try:
        async with connected(scope, environ) as connection:
            snapshot = await _snapshot(connection)
    except (NoClusterError, NotReadError) as error:
        print(f"antiphon: {error}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(document(snapshot), indent=1))
    else:
        print("\n".join([*lines(snapshot), *_closing(snapshot)]))
    return 0 if all_is_well(snapshot) else 1


async def _snapshot(connection: Connection) -> Snapshot:
    """Raises `NotReadError` where the VoiceRelays cannot be read: then there is nothing to show."""
    snapshot = await gather(connection)
    if isinstance(snapshot.relays, Refused):
        if snapshot.relays.reason is RefusalReason.NOT_FOUND:
            missing = f"Antiphon is not installed in {connection.context} ({connection.api.url}): it has no VoiceRelays"
            raise NotReadError(RefusalReason.NOT_FOUND, missing)
        snapshot.relays.known()
    return replace(snapshot, numbers=await ask_pods(connection.api, items(snapshot.pods)))


def _closing(snapshot: Snapshot) -> list[str]:
    if not snapshot.relays.known():
        elsewhere = "" if snapshot.namespace is None else f" Everywhere: {own_command()} status -A"
        return ["", f"There is no VoiceRelay in {snapshot.where}.{elsewhere}"]
    if not any(ailments(snapshot)):
        return []
    place = "-A" if snapshot.namespace is None else f"-n {snapshot.namespace}"
    return ["", f"More: {own_command()} doctor {place}"]
