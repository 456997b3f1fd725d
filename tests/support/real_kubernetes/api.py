"""The API server over plain HTTP, for the harness's own loops; tests use kubectl or the official client."""

import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from real_kubernetes.pki import Pair

TIMEOUT_S = 5.0


@dataclass(frozen=True)
class ApiAccess:
    """As whom to speak to the API server on 127.0.0.1, wherever it is forwarded to."""

    port: int
    authority: Path
    user: Pair

    def status_of(self, path: str) -> int:
        return self._exchange("GET", path, None, "")[0]

    def read(self, path: str) -> Any:
        status, body = self._exchange("GET", path, None, "")
        if status != http.HTTPStatus.OK:
            raise OSError(f"GET {path}: {status}")
        return json.loads(body)

    def merge(self, path: str, patch: object) -> None:
        status, body = self._exchange("PATCH", path, json.dumps(patch), "application/merge-patch+json")
        if status != http.HTTPStatus.OK:
            raise OSError(f"PATCH {path}: {status} {body[:200]!r}")

    def _exchange(self, method: str, path: str, body: str | None, content_type: str) -> tuple[int, bytes]:
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_cert_chain(self.user.certificate, self.user.key)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, {"Content-Type": content_type} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error}") from error
        finally:
            connection.close()
