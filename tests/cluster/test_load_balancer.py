"""What the stand-in for a cloud's load balancer reads, and which address it gives."""

from typing import Any

import pytest

from real_kubernetes.load_balancer import Balanced, next_address, parse_services


def service(kind: str, **more: Any) -> dict[str, Any]:
    status = more.pop("status", {})
    return {"metadata": {"namespace": "voice", "name": "edge"}, "spec": {"type": kind, **more}, "status": status}


@pytest.mark.parametrize(
    ("item", "found"),
    [
        pytest.param(service("ClusterIP"), [], id="a service inside the cluster is none of its business"),
        pytest.param(
            service("LoadBalancer", loadBalancerClass="other"), [], id="another balancer's service is left to that one"
        ),
        pytest.param(
            service("LoadBalancer"),
            [Balanced("voice", "edge", None, None)],
            id="a new service has no address yet, and any node takes its packets",
        ),
        pytest.param(
            service(
                "LoadBalancer",
                healthCheckNodePort=31000,
                status={"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}},
            ),
            [Balanced("voice", "edge", "203.0.113.9", 31000)],
            id="a local service says where each node's health is asked",
        ),
    ],
)
def test_services_are_read(item: dict[str, Any], found: list[Balanced]) -> None:
    assert parse_services({"items": [item]}) == found


@pytest.mark.parametrize(
    ("taken", "given"),
    [
        pytest.param([], "203.0.113.7", id="the first is a fixed one"),
        pytest.param([None, "203.0.113.7"], "203.0.113.8", id="a taken one is not given again"),
        pytest.param(["203.0.113.8"], "203.0.113.7", id="one that was freed is"),
    ],
)
def test_addresses_are_given_from_the_first_free_one(taken: list[str | None], given: str) -> None:
    assert next_address(taken) == given
