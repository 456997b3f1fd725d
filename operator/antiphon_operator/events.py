"""Says in Kubernetes events what a person should see, and says it once.

The same words about the same object come at most once in `AGAIN_AFTER_S`, and one reason about one object at most
`MOST_OF_A_REASON` times in it, so that a fault which flaps does not fill the event list.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from datetime import UTC, datetime
from typing import Final

from antiphon_operator.actions import Create, Event
from antiphon_operator.cluster import ApiError, Cluster
from antiphon_operator.kinds import EVENT
from antiphon_operator.observed import Manifest

logger = logging.getLogger(__name__)

AGAIN_AFTER_S: Final = 600.0
MOST_OF_A_REASON: Final = 5
LONGEST_NOTE: Final = 1024
"""What the API takes, in bytes."""


class Said:
    """What was said lately. Pure."""

    def __init__(self) -> None:
        self._said: deque[tuple[float, Event]] = deque()

    def is_news(self, event: Event, now: float) -> bool:
        """Whether to say it; asking counts as saying."""
        while self._said and now - self._said[0][0] >= AGAIN_AFTER_S:
            self._said.popleft()
        alike = [said for _, said in self._said if (said.uid, said.reason) == (event.uid, event.reason)]
        if len(alike) >= MOST_OF_A_REASON or event in alike:
            return False
        self._said.append((now, event))
        return True


class EventRecorder:
    def __init__(self, cluster: Cluster, identity: str) -> None:
        self._cluster = cluster
        self._identity = identity
        self._said = Said()

    async def record(self, event: Event) -> None:
        """An event that cannot be written is not tried again: what it says is in the status as well."""
        now = datetime.now(UTC)
        if not self._said.is_news(event, now.timestamp()):
            return
        try:
            await self._cluster.execute(Create(_manifest(event, self._identity, now)))
        except ApiError as error:
            fields = {"reason": event.reason, "failure": error.failure}
            logger.warning("an event was not recorded", extra={"fields": fields})


def _manifest(event: Event, identity: str, now: datetime) -> Manifest:
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {"name": f"{event.name[:230]}.{secrets.token_hex(8)}", "namespace": event.namespace},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": "antiphon.dev/operator",
        "reportingInstance": identity[:128],
        "action": "Reconcile",
        "reason": event.reason,
        "type": event.type.value,
        "note": event.message.encode()[:LONGEST_NOTE].decode(errors="ignore"),
        "regarding": {
            "apiVersion": event.api_version,
            "kind": event.kind,
            "namespace": event.namespace,
            "name": event.name,
            "uid": event.uid,
        },
    }
