"""What was asked of the API server, by whom: its audit log at the level Metadata."""

import json
from dataclasses import dataclass
from pathlib import Path

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True)
class Request:
    at: str
    """RFC 3339, when the API server received it."""
    user: str
    user_agent: str
    verb: str
    group: str
    resource: str
    """With its subresource: `pods/status`; empty for a path that is not a resource."""
    namespace: str
    name: str
    status: int


@dataclass(frozen=True)
class AuditLog:
    path: Path

    def requests(self, user: str = "") -> list[Request]:
        """In order; those of one user, or of all."""
        rows = [json.loads(line) for line in self.path.read_text().splitlines() if line.endswith("}")]
        # A watch is there twice: when it began, and when it ended.
        parsed = [
            parse_request(row) for row in rows if row.get("stage") == "ResponseComplete" or row["verb"] == "watch"
        ]
        return [request for request in parsed if user in ("", request.user)]


def parse_request(row: dict[str, object]) -> Request:
    user, target, answer = (mapping(row.get(key)) for key in ("user", "objectRef", "responseStatus"))
    parts = [str(target[key]) for key in ("resource", "subresource") if key in target]
    return Request(
        at=str(row.get("requestReceivedTimestamp", "")),
        user=str(user.get("username", "")),
        user_agent=str(row.get("userAgent", "")),
        verb=str(row.get("verb", "")),
        group=str(target.get("apiGroup", "")),
        resource="/".join(parts),
        namespace=str(target.get("namespace", "")),
        name=str(target.get("name", "")),
        status=int(str(answer.get("code", 0))),
    )


def mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
