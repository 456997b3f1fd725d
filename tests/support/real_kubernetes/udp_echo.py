"""A UDP service whose pods answer with what they saw: the way of a packet through the cluster, told by its end.

Run as a program it is the caller: it prints one answer per line, of as many sockets as asked.
"""

import json
import socket
import sys

from real_kubernetes.cluster import Manifest
from real_kubernetes.images import image

PORT = 3478
ANSWER_S = 2.0
SERVER = f"""
import json, os, socket
port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
port.bind(("0.0.0.0", {PORT}))
while True:
    data, source = port.recvfrom(2048)
    seen = dict(source=source[0], port=source[1], pod=os.environ["POD"], node=os.environ["NODE"])
    port.sendto(json.dumps(seen).encode(), source)
"""


def manifests(name: str, replicas: int) -> list[Manifest]:
    """A Deployment, one pod per node as far as that goes, and its LoadBalancer Service with `Local` traffic."""
    labels = {"app": name}
    own = [
        {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": path}}}
        for variable, path in (("POD", "metadata.name"), ("NODE", "spec.nodeName"))
    ]
    container = {
        "name": "echo",
        "image": image("agent"),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", SERVER],
        "env": own,
        "ports": [{"containerPort": PORT, "protocol": "UDP"}],
    }
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    pod = {
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "topologySpreadConstraints": [{**spread, "labelSelector": {"matchLabels": labels}}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    deployment = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    ports = [{"port": PORT, "protocol": "UDP"}]
    service = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "selector": labels, "ports": ports}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": service},
    ]


def ask(address: str, sockets: int) -> None:
    for _ in range(sockets):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.settimeout(ANSWER_S)
            caller.connect((address, PORT))
            caller.send(b"?")
            seen = json.loads(caller.recv(2048))
            print(json.dumps({**seen, "sent_from": caller.getsockname()}), flush=True)


if __name__ == "__main__":
    ask(sys.argv[1], int(sys.argv[2]))
