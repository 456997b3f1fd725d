"""From manifests and options to every child's place and variables."""

from dataclasses import replace
from pathlib import Path

import pytest

from antiphon_cli.local.agent import AgentError, find_agent
from antiphon_cli.local.environment import inherited, relay_variables, signaling_variables, transceiver_variables
from antiphon_cli.local.plan import (
    Agent,
    InternalPorts,
    LocalPlan,
    UpOptions,
    backend_url,
    transceiver_plans,
    udp_port,
    vip,
    warnings,
)
from antiphon_cli.local.pods import Pods
from antiphon_cli.local.state_dir import StateDir
from antiphon_cli.manifests import parse_manifests
from antiphon_wire import BlockState, RouteTable

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICKSTART = parse_manifests((EXAMPLES / "quickstart.yaml").read_text())
PORTS = InternalPorts(relay_hop=17100, relay_http=17102, agent=17103, transceivers=[17104, 17105])


def planned(options: UpOptions | None = None, *, agent: Agent | None = None) -> LocalPlan:
    options = options or UpOptions()
    return LocalPlan(
        manifests=QUICKSTART,
        options=options,
        vip="192.0.2.2",
        udp_port=3478,
        workers=2,
        ports=PORTS,
        agent=agent,
        transceivers=transceiver_plans(QUICKSTART, options, PORTS, agent),
    )


PARROT = Agent(EXAMPLES / "parrot" / "parrot.py", "parrot")


@pytest.mark.parametrize(
    ("options", "agent", "expected"),
    [
        (UpOptions(), PARROT, "ws://127.0.0.1:17103/v1/realtime"),
        (UpOptions(), Agent(Path("mine.py"), None), "ws://127.0.0.1:17103/v1/realtime"),
        (UpOptions(), Agent(Path("other.py"), "other"), "ws://parrot:8765/v1/realtime"),
        (UpOptions(), None, "ws://parrot:8765/v1/realtime"),
        (UpOptions(backend_url="wss://api.example/v1/realtime"), None, "wss://api.example/v1/realtime"),
    ],
    ids=["the agent beside the manifest", "an agent for all", "another pool's agent", "no agent", "a given backend"],
)
def test_where_a_pools_calls_go(options: UpOptions, agent: Agent | None, expected: str) -> None:
    assert backend_url(QUICKSTART.pools[0], options, agent, PORTS.agent) == expected


def test_options_win_over_manifests_and_manifests_over_defaults() -> None:
    text = (EXAMPLES / "quickstart.yaml").read_text()
    manifests = parse_manifests(
        text.replace("spec: {}", "spec: {exposure: {port: 4000}, publicAddresses: [{ip: 203.0.113.7}]}")
    )
    assert udp_port(QUICKSTART, UpOptions()) == 3478
    assert udp_port(manifests, UpOptions()) == 4000
    assert udp_port(manifests, UpOptions(port=5000)) == 5000
    assert vip(QUICKSTART, UpOptions(), "192.0.2.2") == "192.0.2.2"
    assert vip(manifests, UpOptions(), "192.0.2.2") == "203.0.113.7"
    assert vip(manifests, UpOptions(vip="198.51.100.1"), "192.0.2.2") == "198.51.100.1"


def test_the_variables_are_those_of_the_interface(tmp_path: Path) -> None:
    plan, state = planned(agent=PARROT), StateDir(tmp_path)
    relay = relay_variables(plan, state)
    assert (relay["ANTIPHON_LISTEN"], relay["ANTIPHON_HOP_ADDRESS"]) == ("192.0.2.2:3478", "127.0.0.1:17100")
    assert "ANTIPHON_REDIS_URL" not in relay
    pod = transceiver_variables(plan, plan.transceivers[1], state, 0x1230, None)
    assert (pod["ANTIPHON_POD"], pod["ANTIPHON_ROUTES"]) == ("t1", "0x00001230")
    assert (pod["ANTIPHON_VIP"], pod["ANTIPHON_HTTP_ADDRESS"]) == ("192.0.2.2:3478", "127.0.0.1:17105")
    assert (pod["ANTIPHON_BACKEND"], pod["ANTIPHON_BACKEND_URL"]) == ("realtime", "ws://127.0.0.1:17103/v1/realtime")
    signaling = signaling_variables(plan, state)
    assert signaling["ANTIPHON_HTTP_ADDRESS"] == "127.0.0.1:8080"
    assert signaling["ANTIPHON_ALLOWED_ORIGINS"] == "http://localhost:*,http://127.0.0.1:*"
    assert "ANTIPHON_TLS_CERT_FILE" not in signaling
    state.close()


def test_lan_mode_serves_https_on_the_vip_and_allows_its_own_page(tmp_path: Path) -> None:
    plan, state = planned(UpOptions(lan=True, redis_url="redis://127.0.0.1:6379/0")), StateDir(tmp_path)
    signaling = signaling_variables(plan, state)
    assert plan.talk_url == "https://192.0.2.2:8080"
    assert signaling["ANTIPHON_HTTP_ADDRESS"] == "192.0.2.2:8080"
    assert "https://192.0.2.2:8080" in signaling["ANTIPHON_ALLOWED_ORIGINS"].split(",")
    assert signaling["ANTIPHON_TLS_CERT_FILE"] == str(tmp_path / "certificate.pem")
    assert relay_variables(plan, state)["ANTIPHON_REDIS_URL"] == "redis://127.0.0.1:6379/0"
    state.close()


def test_children_do_not_get_the_variable_that_holds_the_key() -> None:
    environ = {"PATH": "/bin", "OPENAI_API_KEY": "sk-secret"}
    assert inherited(environ, {"OPENAI_API_KEY"}) == {"PATH": "/bin"}


def test_a_loopback_vip_is_warned_of() -> None:
    assert warnings(planned()) == []
    (warning,) = warnings(replace(planned(), vip="127.0.0.1"))
    assert "Firefox refuses loopback" in warning


def test_a_dead_transceivers_block_is_lost_at_once_and_its_next_one_is_new(tmp_path: Path) -> None:
    documents: list[str] = []
    plan = planned()
    pods = Pods(plan, documents.append)
    t0 = plan.transceivers[0]
    first = pods.first_route(t0)
    pods.ready(t0)
    assert len(documents) == 1, "a first readiness changes nothing"
    pods.counted(t0, 1)
    assert pods.ended(t0) == "1 call lost"
    lost = RouteTable.from_json(documents[-1]).block_of(first)
    assert lost is not None
    assert lost.state is BlockState.LOST
    second = pods.first_route(t0)
    assert second != first
    assert RouteTable.from_json(documents[-1]).block_of(second) is None, "not before it is ready"
    pods.ready(t0)
    table = RouteTable.from_json(documents[-1])
    again = table.block_of(second)
    assert again is not None
    assert (again.state, again.pod, table.generation) == (BlockState.ACTIVE, "t0", 4)
    assert pods.ended(t0) == "0 calls lost"


def test_a_table_that_could_not_be_published_is_published_with_the_next_step() -> None:
    documents: list[str] = []
    disk_is_full = False

    def publish(document: str) -> None:
        if disk_is_full:
            raise OSError("the disk is full")
        documents.append(document)

    plan = planned()
    pods = Pods(plan, publish)
    t0 = plan.transceivers[0]
    first = pods.first_route(t0)
    disk_is_full = True
    with pytest.raises(OSError, match="full"):
        pods.ended(t0)
    with pytest.raises(OSError, match="full"):
        pods.first_route(t0)
    disk_is_full = False
    second = pods.first_route(t0)
    assert second != first
    lost = RouteTable.from_json(documents[-1]).block_of(first)
    assert lost is not None
    assert lost.state is BlockState.LOST, "before the next one starts"
    disk_is_full = True
    with pytest.raises(OSError, match="full"):
        pods.ready(t0)
    disk_is_full = False
    pods.ready(t0)
    assert RouteTable.from_json(documents[-1]).block_of(second) is not None


def test_the_agent_beside_the_manifests_is_found_by_the_backends_host_name() -> None:
    assert find_agent(None, QUICKSTART, EXAMPLES) == PARROT
    assert find_agent(None, QUICKSTART, EXAMPLES.parent) is None
    assert find_agent("none", QUICKSTART, EXAMPLES) is None


def test_an_agent_can_be_a_file_or_a_folder(tmp_path: Path) -> None:
    program = tmp_path / "agent.py"
    with pytest.raises(AgentError, match="neither a file nor a folder with agent"):
        find_agent(str(tmp_path), QUICKSTART, EXAMPLES)
    program.touch()
    assert find_agent(str(tmp_path), QUICKSTART, EXAMPLES) == Agent(program, None)
    assert find_agent(str(program), QUICKSTART, EXAMPLES) == Agent(program, None)
