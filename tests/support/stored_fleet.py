"""A VoiceRelay's fleet on a real API server: plans are carried out there, and what it stored is planned from."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import yaml

from antiphon_crds.overlay import Json
from antiphon_crds.voice_relay import VoiceRelay
from antiphon_operator.actions import Action, Apply, Create, Delete, Patch, Plan, Replace
from antiphon_operator.kinds import CHILDREN, POD, SERVICE_MONITOR
from antiphon_operator.observed import Fleet, Manifest
from antiphon_operator.parsing.pods import read_pod
from antiphon_operator.relay import plan_relay
from custom_resources import Namespace
from voice_relays import fleet_of, key_of, new_secrets

LABEL = "antiphon.dev/relay=edge"


def resource(spec: str) -> Manifest:
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "VoiceRelay",
        "metadata": {"name": "edge"},
        "spec": yaml.safe_load(spec),
    }


@dataclass
class StoredFleet:
    namespace: Namespace
    secrets: Callable[[], bytes]
    has_service_monitors: bool = False

    @classmethod
    def of(cls, namespace: Namespace, spec: str, *, has_service_monitors: bool = False) -> "StoredFleet":
        namespace.create(resource(spec))
        return cls(namespace, new_secrets(), has_service_monitors)

    def respec(self, spec: str) -> None:
        self.namespace.kubectl("replace", "-f", "-", stdin=json.dumps(resource(spec)))

    def observe(self) -> Fleet:
        stored = self._read("voicerelay", "edge")
        kinds = [POD.plural, *(kind.plural for kind in CHILDREN)]
        if self.has_service_monitors:
            kinds.append(SERVICE_MONITOR.plural)
        items = self._read(",".join(kinds), "-l", LABEL)["items"]
        assert isinstance(items, list)
        found = [item for item in items if isinstance(item, dict)]
        pods = [read_pod(item) for item in found if item["kind"] == POD.name]
        status = stored.get("status")
        return replace(
            fleet_of(VoiceRelay.parse(stored)),
            relay_status=status if isinstance(status, dict) else {},
            children={key_of(item): item for item in found if item["kind"] != POD.name},
            relay_pods=tuple(record.pod for record in pods if record.component == "relay"),
            has_service_monitors=self.has_service_monitors,
        )

    def plan(self) -> Plan:
        return plan_relay(self.observe(), time.time(), self.secrets)

    def converge(self) -> None:
        """Carries out two plans, the second one with the cluster's address families known; then none may be left."""
        for _ in range(2):
            self.carry_out(self.plan())
        assert self.plan().children == ()

    def carry_out(self, plan: Plan) -> None:
        applied = [action.manifest for action in plan.children if isinstance(action, Apply)]
        if applied:
            options = ("--server-side", "--force-conflicts", "--field-manager=antiphon-operator")
            self.namespace.kubectl("apply", *options, "-f", "-", stdin=yaml.safe_dump_all(applied))
        for action in plan.children:
            self._carry_out(action)
        for patch in plan.statuses:
            assert isinstance(patch, Patch)
            body = json.dumps(patch.body)
            self.namespace.kubectl("patch", patch.kind, patch.name, "--subresource=status", "--type=merge", "-p", body)

    def _carry_out(self, action: Action) -> None:
        match action:
            case Create(manifest):
                self.namespace.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
            case Replace(manifest):
                self.namespace.kubectl("replace", "-f", "-", stdin=json.dumps(manifest))
            case Delete(kind=kind, name=name):
                self.namespace.kubectl("delete", kind, name)

    def _read(self, *arguments: str) -> Manifest:
        found: dict[str, Json] = json.loads(self.namespace.kubectl("get", *arguments, "-o", "json"))
        return found
