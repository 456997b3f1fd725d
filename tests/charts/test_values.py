"""What may be set, what is refused, and where it is written down."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from antiphon_operator.settings import Settings
from chart import CHART, ROOT, Helm, HelmError, operator_environment, template

pytestmark = pytest.mark.cluster

REFUSED = {
    "a misspelt value": ("operator.replicaz=3", "at '/operator': additional properties 'replicaz' not allowed"),
    "a misspelt group": ("operater.replicas=3", "additional properties 'operater' not allowed"),
    "a misspelt field of an image": (
        "images.relay.repo=x",
        "at '/images/relay': additional properties 'repo' not allowed",
    ),
    "a policy that Kubernetes does not know": (
        "images.pullPolicy=Sometimes",
        "at '/images/pullPolicy': value must be one of",
    ),
    "a digest without its algorithm": (
        "images.relay.digest=abc",
        "at '/images/relay/digest': 'abc' does not match pattern",
    ),
    "a tag with a colon": ("images.tag=a:b", "at '/images/tag': 'a:b' does not match pattern"),
    "a log level in capitals": ("operator.logLevel=INFO", "at '/operator/logLevel': value must be one of"),
    "a number as text": ("operator.replicas=many", "at '/operator/replicas': got string, want integer"),
    "a Lease that nobody could hold": (
        "operator.leaseSeconds=1",
        "at '/operator/leaseSeconds': minimum: got 1, want 3",
    ),
    "a namespace that cannot be": (
        "watchNamespaces[0]=Voice",
        "at '/watchNamespaces/0': 'Voice' does not match pattern",
    ),
    "a VoiceRelay without its namespace": (
        "test.voiceRelay=edge",
        "at '/test/voiceRelay': 'edge' does not match pattern",
    ),
    "a switch for a choice of three": (
        "monitoring.serviceMonitor=true",
        "at '/monitoring/serviceMonitor': value must be one of",
    ),
    "text for a switch": ("crds.keep=perhaps", "at '/crds/keep': got string, want boolean"),
    "a limit under a wrong name": ("operator.resources.limit.cpu=1", "additional properties 'limit' not allowed"),
    "no place for the operator's image": (
        "images.operator.repository=",
        "at '/images/operator/repository': '' does not match",
    ),
}


def test_helm_finds_nothing_to_say() -> None:
    assert "0 chart(s) failed" in Helm()("lint", str(CHART), "--strict")


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_value_is_refused_by_name(value: str, message: str) -> None:
    with pytest.raises(HelmError) as refusal:
        template(value)
    assert message in str(refusal.value)


def leaves(schema: Mapping[str, Any], whole: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The paths of a schema; a mapping with free names is one."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    # A resources block is given as a whole, and so is an affinity.
    if path in ("operator.resources", "operator.affinity") or "properties" not in schema:
        yield path
        return
    for name, inner in schema["properties"].items():
        yield from leaves(inner, whole, f"{path}.{name}".removeprefix("."))


def test_every_value_is_in_the_schema_in_the_file_and_in_the_docs() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    # Helm itself adds `global` where the chart is a part of another.
    known = set(leaves(schema, schema)) - {"global"}
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    table = (ROOT / "docs" / "install.md").read_text().partition("## Values")[2]
    for path in known:
        place = values
        for name in path.split("."):
            assert name in place, f"{path} has no default in values.yaml"
            place = place[name]
        assert f"| `{path}` |" in table, f"{path} is not described"
    assert table.count("\n| `") == len(known)


class Asked(dict[str, str]):
    """An environment that knows what it was asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return super().__getitem__(name)


def test_the_chart_sets_every_setting_of_the_operator_and_no_other() -> None:
    environment = Asked(operator_environment())
    Settings.from_env(environment, host="node")
    # kopf reads USER.
    assert environment.names == set(environment) - {"USER"}


def test_what_is_set_is_what_the_operator_reads() -> None:
    environment = operator_environment(
        "watchNamespaces={voice,calls}",
        "monitoring.namespaces={prometheus,tenants}",
        "operator.leaseSeconds=30",
        "operator.capacityPollSeconds=5",
        "operator.logLevel=debug",
        "images.registry=registry.example:5000/team",
        "images.relay.registry=other.example",
        "images.transceiver.tag=2.0",
        f"images.signaling.digest=sha256:{'a' * 64}",
        "images.pullPolicy=Always",
    )
    settings = Settings.from_env(environment, host="node")
    assert settings.namespace == "antiphon-system"
    assert settings.identity == "antiphon-operator-x"
    assert settings.watch_namespaces == ("calls", "voice")
    assert settings.monitoring_namespaces == ("prometheus", "tenants")
    assert settings.lease.duration_s == 30
    assert settings.capacity_poll_s == 5.0
    assert settings.log_level == "debug"
    assert settings.images.relay == "other.example/antiphon-relay:0.1.0"
    assert settings.images.transceiver == "registry.example:5000/team/antiphon-transceiver:2.0"
    assert settings.images.signaling == f"registry.example:5000/team/antiphon-signaling@sha256:{'a' * 64}"
    assert settings.images.pull_policy == "Always"


def test_what_is_made_from_the_chart_is_not_stale(tmp_path: Path) -> None:
    subprocess.run([ROOT / "scripts" / "render", tmp_path], check=True, timeout=60)
    made = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert {Path("deploy/antiphon.yaml"), Path("docs/install.md")} < set(made)
    stale = [str(path) for path in made if (tmp_path / path).read_bytes() != (ROOT / path).read_bytes()]
    assert not stale, "run scripts/render"
