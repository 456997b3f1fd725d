"""The relays that transceivers are told of."""

from dataclasses import replace

import pytest

from antiphon_operator.relay import fleet_relays
from antiphon_wire import Relay
from voice_relays import NOW, fleet_of, pod, voice_relay

SERVES = Relay("edge-relay-x", "10.244.0.7:7100", 2)


@pytest.mark.parametrize(
    ("fields", "relays"),
    [
        pytest.param({}, (SERVES,), id="one that serves"),
        pytest.param({"ready": False, "phase": "Pending"}, (SERVES,), id="one that will, so that it is known before"),
        pytest.param({"deleted_at": NOW, "ready": False}, (SERVES,), id="one that drains, as long as it sends"),
        pytest.param({"ip": None}, (), id="none without an address"),
        pytest.param({"phase": "Failed"}, (), id="none that has failed"),
        pytest.param({"phase": "Succeeded"}, (), id="none that has ended"),
        pytest.param({"ip": "fd00::7"}, (replace(SERVES, hop="[fd00::7]:7100"),), id="one of IPv6"),
        pytest.param({"workers": 4}, (replace(SERVES, workers=4),), id="one that was made with other workers"),
    ],
)
def test_which_relays_are_named(fields: dict[str, object], relays: tuple[Relay, ...]) -> None:
    fleet = replace(fleet_of(voice_relay()), relay_pods=(pod("edge-relay-x", **fields),))
    assert fleet_relays(fleet) == relays


def test_their_order_is_that_of_their_names() -> None:
    fleet = replace(fleet_of(voice_relay()), relay_pods=(pod("edge-relay-b"), pod("edge-relay-a")))
    assert [relay.name for relay in fleet_relays(fleet)] == ["edge-relay-a", "edge-relay-b"]
