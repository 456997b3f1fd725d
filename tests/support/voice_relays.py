"""Fleets around one VoiceRelay, as `plan_relay` is given them."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import yaml

from antiphon_crds.overlay import Json
from antiphon_crds.voice_relay import VoiceRelay
from antiphon_operator.actions import Action, Apply, Create, Delete, Event, Patch, Plan, Replace
from antiphon_operator.observed import ChildKey, Fleet, Images, Manifest, NodeState, ObservedPod
from antiphon_operator.relay import plan_relay

NOW = datetime.fromisoformat("2026-11-21T02:00:00Z").timestamp()
IN_EVERY_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
"""What the kubelet sets itself."""
IMAGES = Images("relay:1", "transceiver:1", "signaling:1")


def voice_relay(spec: str = "{}", **metadata: Json) -> VoiceRelay:
    """`spec` in YAML."""
    return VoiceRelay.parse(
        {
            "apiVersion": "antiphon.dev/v1alpha1",
            "kind": "VoiceRelay",
            "metadata": {"name": "edge", "namespace": "voice", "uid": "u1", "generation": 3, **metadata},
            "spec": yaml.safe_load(spec),
        }
    )


def fleet_of(relay: VoiceRelay) -> Fleet:
    """With nothing there yet."""
    return Fleet(relay, {}, (), (), (), {}, IMAGES, "antiphon-system")


def new_secrets() -> Callable[[], bytes]:
    """Others at every call, the same in every run."""
    made = iter(range(1, 1_000_000))
    return lambda: next(made).to_bytes(32, "big")


def pod(name: str, **fields: object) -> ObservedPod:
    """A relay's pod that serves."""
    serving = ObservedPod(
        name=name,
        uid=f"uid-{name}",
        revision="",
        first_route=None,
        ip="10.244.0.7",
        node="node-1",
        node_state=NodeState.USABLE,
        phase="Running",
        containers_ready=True,
        ready=True,
        routes_published=False,
        created_at=NOW - 3600,
        deleted_at=None,
        deadline=None,
        waiting_reason=None,
        waiting_message=None,
        unschedulable=None,
        busy=False,
        load=None,
    )
    return replace(serving, **fields)  # type: ignore[arg-type]  # the caller names fields of ObservedPod


@dataclass
class Site:
    """A fleet whose plans are carried out in memory, as a server would that keeps what it is given."""

    fleet: Fleet
    secrets: Callable[[], bytes]
    version: int = 0

    @classmethod
    def of(cls, relay: VoiceRelay) -> "Site":
        return cls(fleet_of(relay), new_secrets())

    def round(self, now: float = NOW) -> Plan:
        plan = plan_relay(self.fleet, now, self.secrets)
        children = dict(self.fleet.children)
        for action in plan.children:
            self._carry_out(action, children)
        status = dict(self.fleet.relay_status)
        for patch in plan.statuses:
            assert isinstance(patch, Patch)
            change = patch.body["status"]
            assert isinstance(change, dict)
            status = merged(status, change)
        self.fleet = replace(self.fleet, children=children, relay_status=status)
        return plan

    def settle(self, now: float = NOW) -> list[Event]:
        """Rounds until nothing is planned any more."""
        events: list[Event] = []
        for _ in range(6):
            plan = self.round(now)
            events += plan.events
            if not plan.children and not plan.statuses:
                return events
        raise AssertionError(f"rounds do not end: {plan}")

    def child(self, kind: str, name: str) -> Manifest:
        return self.fleet.children[ChildKey(kind, name)]

    def change(self, kind: str, name: str, **parts: Json) -> None:
        """Somebody else replaces parts of an object."""
        children = dict(self.fleet.children)
        children[ChildKey(kind, name)] = {**children[ChildKey(kind, name)], **parts}
        self.fleet = replace(self.fleet, children=children)

    def lose(self, kind: str, name: str) -> None:
        children = {key: child for key, child in self.fleet.children.items() if key != ChildKey(kind, name)}
        self.fleet = replace(self.fleet, children=children)

    def respec(self, spec: str, **metadata: Json) -> None:
        self.fleet = replace(self.fleet, relay=voice_relay(spec, **metadata))

    def condition(self, kind: str) -> Mapping[str, Json]:
        return condition(self.fleet.relay_status, kind)

    def _carry_out(self, action: Action, children: dict[ChildKey, Manifest]) -> None:
        self.version += 1
        match action:
            case Create(manifest) | Apply(manifest) | Replace(manifest):
                key = key_of(manifest)
                if any((one.kind, one.name) == (key.kind, key.name) for one in self.fleet.refusals):
                    return
                stored = json.loads(json.dumps(manifest))
                stored["metadata"] |= {"resourceVersion": str(self.version), "uid": f"uid-{key.kind}-{key.name}"}
                if key.kind == "Service":
                    stored["spec"].setdefault("ipFamilies", ["IPv4"])
                before = children.get(key)
                if before is not None and "status" in before:
                    stored["status"] = before["status"]
                children[key] = stored
            case Delete(kind=kind, name=name):
                del children[ChildKey(kind, name)]


def settled(spec: str = "{}") -> Site:
    site = Site.of(voice_relay(spec))
    site.settle()
    return site


def merged(under: Mapping[str, Json], patch: Mapping[str, Json]) -> dict[str, Json]:
    """JSON merge patch (RFC 7386)."""
    result = {key: value for key, value in under.items() if key not in patch or patch[key] is not None}
    for key, value in patch.items():
        old = under.get(key)
        if isinstance(value, dict):
            result[key] = merged(old if isinstance(old, dict) else {}, value)
        elif value is not None:
            result[key] = value
    return result


def key_of(manifest: Manifest) -> ChildKey:
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    return ChildKey(str(manifest["kind"]), str(metadata["name"]))


def written(actions: Iterable[Action]) -> dict[ChildKey, Manifest]:
    """What the actions would write."""
    return {
        key_of(action.manifest): action.manifest for action in actions if isinstance(action, Create | Apply | Replace)
    }


def condition(status: Manifest, kind: str) -> Mapping[str, Json]:
    listed = status.get("conditions", [])
    assert isinstance(listed, list)
    return next((item for item in listed if isinstance(item, dict) and item["type"] == kind), {})


def at(value: object, *path: str | int) -> Json:
    """A place in a manifest: a key, an index, or the name of a list's item."""
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
        elif isinstance(value, list):
            value = next((item for item in value if isinstance(item, dict) and item.get("name") == step), None)
        else:
            return None
    return value  # type: ignore[return-value]  # it came out of JSON


def variables(manifest: Manifest, container: str) -> dict[str, str]:
    """The container's variables that have a plain value."""
    listed = at(manifest, "spec", "template", "spec", "containers", container, "env")
    assert isinstance(listed, list)
    return {str(one["name"]): str(one["value"]) for one in listed if isinstance(one, dict) and "value" in one}


def decoded(secret: Manifest, key: str) -> str:
    value = at(secret, "data", key)
    assert isinstance(value, str)
    return base64.b64decode(value).decode()
