"""The external metrics API as an adapter serves it from Prometheus: one metric, whose value the test sets."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from real_kubernetes.control_plane import ControlPlane
from real_kubernetes.kubeconfig import inline
from real_kubernetes.pki import Authority, Pair

GROUP = "external.metrics.k8s.io"
VERSION = "v1beta1"
API_SERVICE = f"apiservice/{VERSION}.{GROUP}"
SERVICE = "metrics"


class MetricsApi(ThreadingHTTPServer):
    """On the loopback, for the aggregating API server alone: nobody else has the certificate that it asks for."""

    def __init__(self, metric: str, selector: str, pair: Pair, clients: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.metric = metric
        self.selector = selector
        self.value = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
        # The handshake is left to the thread of the request, so that no client keeps others waiting.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def answer(self, path: str, selector: str) -> dict[str, object] | None:
        """None: there is no such path, or no such metric."""
        root = f"/apis/{GROUP}/{VERSION}"
        if path == root:
            return {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": f"{GROUP}/{VERSION}",
                "resources": [],
            }
        if path.startswith(f"{root}/namespaces/") and (path.rpartition("/")[2], selector) == (
            self.metric,
            self.selector,
        ):
            name, _, wanted = self.selector.partition("=")
            at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            item = {
                "metricName": self.metric,
                "metricLabels": {name: wanted},
                "timestamp": at,
                "value": str(self.value),
            }
            return {
                "kind": "ExternalMetricValueList",
                "apiVersion": f"{GROUP}/{VERSION}",
                "metadata": {},
                "items": [item],
            }
        return None


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, MetricsApi)
        asked = urlsplit(self.path)
        answer = self.server.answer(asked.path, parse_qs(asked.query).get("labelSelector", [""])[0])
        body = json.dumps(answer).encode()
        self.send_response(HTTPStatus.NOT_FOUND if answer is None else HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the parent's
        """The API server asks every few seconds; its own log says what it got."""


@contextmanager
def metrics_api(plane: ControlPlane, namespace: str, folder: Path, metric: str, selector: str) -> Iterator[MetricsApi]:
    """Behind the API server's aggregation when entered: the autoscaler asks there for `metric` with `selector`."""
    authority = Authority(folder, "metrics-authority")
    pair = authority.server("metrics-api", ["127.0.0.1"], [f"{SERVICE}.{namespace}.svc"])
    server = MetricsApi(metric, selector, pair, plane.certificates.front_authority.certificate)
    thread = threading.Thread(target=server.serve_forever, name="metrics-api")
    thread.start()
    try:
        plane.cluster.apply(service(), api_service(namespace, server.port, authority.certificate), namespace=namespace)
        plane.cluster.wait(API_SERVICE, "condition=Available")
        yield server
    finally:
        # First, or the namespace could not be deleted: its controller wants every API to answer.
        plane.cluster.kubectl("delete", API_SERVICE, "--ignore-not-found")
        server.shutdown()
        server.server_close()
        thread.join()


def service() -> dict[str, object]:
    spec = {"type": "ExternalName", "externalName": "localhost"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVICE}, "spec": spec}


def api_service(namespace: str, port: int, authority: Path) -> dict[str, object]:
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{VERSION}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "version": VERSION,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"namespace": namespace, "name": SERVICE, "port": port},
            "caBundle": inline(authority),
        },
    }
