"""Where callers send, by what the spec names, the Service was given and names resolve to."""

from dataclasses import dataclass, replace

import pytest

from antiphon_crds.overlay import Json
from antiphon_operator.observed import Resolution
from antiphon_operator.relay import vip
from voice_relays import NOW, Site, voice_relay

HOSTNAME = "lb.example.com"
NAMED: list[Json] = [{"hostname": HOSTNAME}]


def with_ingress(ingress: list[Json], spec: str = "{}") -> Site:
    site = Site.of(voice_relay(spec))
    site.settle()
    site.change("Service", "edge-relay", status={"loadBalancer": {"ingress": ingress}})
    return site


def resolved(site: Site, *addresses: str, error: str | None = None, at: float = NOW) -> None:
    site.fleet = replace(site.fleet, resolutions={HOSTNAME: Resolution(addresses, error, at)})


@dataclass(frozen=True)
class Row:
    why: str
    spec: str
    ingress: list[Json]
    vip: tuple[str, ...]
    status: str
    reason: str


ROWS = [
    Row("no load balancer has answered yet", "{}", [], (), "False", "AddressPending"),
    Row(
        "the load balancer's address", "{}", [{"ip": "203.0.113.7"}], ("203.0.113.7:3478",), "True", "LoadBalancerReady"
    ),
    Row(
        "both of a dual-stack load balancer",
        "{exposure: {port: 443}}",
        [{"ip": "203.0.113.7"}, {"ip": "2001:db8::7"}],
        ("203.0.113.7:443", "[2001:db8::7]:443"),
        "True",
        "LoadBalancerReady",
    ),
    Row(
        "an address before a host name",
        "{}",
        [{"hostname": HOSTNAME, "ip": "203.0.113.7"}],
        ("203.0.113.7:3478",),
        "True",
        "LoadBalancerReady",
    ),
    Row(
        "the spec's addresses before the Service's, in the spec's order",
        "{publicAddresses: [{ip: '2001:db8::1'}, {ip: 192.0.2.1}]}",
        [{"ip": "203.0.113.7"}],
        ("[2001:db8::1]:3478", "192.0.2.1:3478"),
        "True",
        "Configured",
    ),
    Row(
        "a node port needs addresses in the spec",
        "{exposure: {type: NodePort, port: 31000}}",
        [],
        (),
        "False",
        "AddressRequired",
    ),
    Row(
        "a node port's addresses have that port",
        "{exposure: {type: NodePort, port: 31000}, publicAddresses: [{ip: 192.0.2.1}]}",
        [],
        ("192.0.2.1:31000",),
        "True",
        "Configured",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.why)
def test_where_callers_send(row: Row) -> None:
    site = with_ingress(row.ingress, row.spec)
    site.settle()
    assert vip(site.fleet) == row.vip
    condition = site.condition("AddressAssigned")
    assert (condition["status"], condition["reason"]) == (row.status, row.reason)
    assert site.fleet.relay_status.get("endpoint") == (row.vip[0] if row.vip else None)


@pytest.mark.parametrize("kind", ["{type: NodePort, port: 31000}", "{type: HostNetwork}"])
def test_a_missing_address_stalls_and_the_message_says_what_to_write(kind: str) -> None:
    site = Site.of(voice_relay(f"{{exposure: {kind}}}"))
    site.settle()
    assert site.condition("Stalled")["reason"] == "AddressRequired"
    assert "`publicAddresses: [{ip: 203.0.113.7}]`" in str(site.condition("Ready")["message"])


def test_a_load_balancer_that_takes_its_time_does_not_stall() -> None:
    site = with_ingress([])
    site.settle(NOW + 100_000)
    assert site.condition("Stalled") == {}
    assert site.condition("Reconciling")["reason"] == "AddressPending"


def test_an_address_is_told_once() -> None:
    site = with_ingress([{"ip": "203.0.113.7"}])
    (event,) = site.settle()
    assert (event.reason, event.message) == ("AddressAssigned", "callers send to 203.0.113.7:3478")
    site.change("Service", "edge-relay", status={"loadBalancer": {"ingress": [{"ip": "203.0.113.8"}]}})
    assert [event.message for event in site.settle()] == ["callers send to 203.0.113.8:3478"]


def test_an_address_that_went_is_not_shown_any_more() -> None:
    site = with_ingress([{"ip": "203.0.113.7"}])
    site.settle()
    site.change("Service", "edge-relay", status={})
    site.settle()
    assert "endpoint" not in site.fleet.relay_status
    assert "addresses" not in site.fleet.relay_status


def test_a_host_name_is_looked_up() -> None:
    site = with_ingress(NAMED)
    assert site.round().resolve == (HOSTNAME,)
    assert site.condition("AddressResolved")["reason"] == "LookupPending"
    assert vip(site.fleet) == ()


def test_what_it_resolves_to_is_used_in_an_order_of_its_own() -> None:
    site = with_ingress(NAMED)
    resolved(site, "2001:db8::1", "192.0.2.20", "192.0.2.3")
    assert vip(site.fleet) == ("192.0.2.3:3478", "192.0.2.20:3478", "[2001:db8::1]:3478")
    site.settle()
    assert site.condition("AddressResolved")["reason"] == "Resolved"
    resolved(site, "192.0.2.20", "192.0.2.3", "2001:db8::1")
    assert vip(site.fleet) == ("192.0.2.3:3478", "192.0.2.20:3478", "[2001:db8::1]:3478")


def test_it_is_looked_up_again_every_30_s() -> None:
    site = with_ingress(NAMED)
    resolved(site, "192.0.2.3")
    early = site.round(NOW + 29)
    assert (early.resolve, early.requeue_after_s) == ((), 1)
    due = site.round(NOW + 30)
    assert (due.resolve, due.requeue_after_s) == ((HOSTNAME,), 30)


def test_the_last_good_addresses_stay_while_look_ups_fail() -> None:
    site = with_ingress(NAMED)
    resolved(site, "192.0.2.3")
    site.settle()
    resolved(site, "192.0.2.3", error="the name server does not answer", at=NOW + 30)
    site.settle(NOW + 30)
    assert vip(site.fleet) == ("192.0.2.3:3478",)
    assert site.condition("AddressAssigned")["status"] == "True"
    assert site.condition("AddressResolved")["reason"] == "LookupFailed"
    assert "192.0.2.3:3478 stays in use" in str(site.condition("AddressResolved")["message"])


def test_an_operator_that_was_just_started_goes_by_the_stored_status() -> None:
    site = with_ingress(NAMED)
    resolved(site, "192.0.2.3")
    site.settle()
    site.fleet = replace(site.fleet, resolutions={})
    assert vip(site.fleet) == ("192.0.2.3:3478",)
    site.round()
    assert site.condition("AddressAssigned")["status"] == "True"


def test_a_name_that_never_resolves_stalls_after_five_minutes() -> None:
    site = with_ingress(NAMED)
    for moment in range(0, 330, 30):
        resolved(site, error="no such name", at=NOW + moment)
        site.settle(NOW + moment)
        assert bool(site.condition("Stalled")) == (moment >= 300)
    assert site.condition("Stalled")["reason"] == "LookupFailed"
    assert "`spec.publicAddresses`" in str(site.condition("Stalled")["message"])


def test_a_region_is_shown_beside_its_address() -> None:
    site = Site.of(voice_relay("{publicAddresses: [{ip: 192.0.2.1, region: eu-west}]}"))
    site.settle()
    assert site.fleet.relay_status["addresses"] == [{"ip": "192.0.2.1", "port": 3478, "region": "eu-west"}]
