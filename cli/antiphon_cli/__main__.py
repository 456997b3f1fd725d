"""The `antiphon` command. Each subcommand's code is imported when it is called, so that --help is quick."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from antiphon_cli.cluster.scope import Scope
from antiphon_cli.local.own_command import DEFAULT_STATE_DIR
from antiphon_cli.version import version

FILE = click.Path(path_type=Path, dir_okay=False)
SECONDS = click.FloatRange(0, 86_400)
FOLDER = click.Path(path_type=Path, file_okay=False)
CONTEXT_HELP = "Context of the kubeconfig (default: its current one)."
NAMESPACE_HELP = "Namespace (default: the context's)."


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version(), prog_name="antiphon")
def cli() -> None:
    """Voice AI over WebRTC through one UDP port.

    \b
      antiphon up                            run everything on this machine, then open the page it names
      antiphon call http://127.0.0.1:8080    place a real call and measure it
      antiphon doctor -n voice               check a cluster
    """


@cli.command(short_help="Run relay, signaling, transceivers and an agent on this machine.")
@click.option("-f", "--file", type=FILE, help="Manifests to run (default: examples/quickstart.yaml of the checkout).")
@click.option("--port", type=click.IntRange(1, 65535), help="UDP port of all callers (default 3478).")
@click.option("--http-port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Page and API.")
@click.option("--vip", metavar="ADDRESS", help="Address that callers send to (default: the default route's).")
@click.option("--lan", is_flag=True, help="HTTPS on that address, for phones; makes a self-signed certificate.")
@click.option("--redis", "redis_url", metavar="URL", help="Keep flows in this Redis, so that relays can be replaced.")
@click.option("--transceivers", type=click.IntRange(1, 64), help="Instead of the pools' replicas.")
@click.option("--backend", "backend_url", metavar="URL", help="Realtime WebSocket server of all pools; runs no agent.")
@click.option("--key-env", metavar="NAME", help="Environment variable that holds the backend's API key.")
@click.option("--agent", metavar="PATH", help="Agent to run, a file or a folder, or 'none' (default: parrot).")
@click.option("--allow-origin", "allowed_origins", multiple=True, metavar="ORIGIN", help="Web origin that may call.")
@click.option("--workers", type=click.IntRange(1, 64), help="Relay threads (default: one a CPU, at most 4).")
@click.option("--state-dir", type=FOLDER, default=DEFAULT_STATE_DIR, show_default=True, help="Keys, logs, route table.")
@click.pass_obj
def up(environ: Mapping[str, str], /, **given: Any) -> None:
    """Run the whole service on this machine, from the manifests that a cluster takes.

    No cluster, no Redis, no API key is needed: the default agent is a parrot that says back what it hears. The page
    listens on loopback; calls come in on the UDP port of the machine's default-route address, since browsers other
    than Chromium refuse loopback for media. A child that dies is named and restarted.

    \b
    Talk to your own agent:      antiphon up --agent ./my-agent
    To a server that runs:       antiphon up --backend ws://127.0.0.1:9000/v1/realtime
    To OpenAI:                   antiphon up --backend wss://api.openai.com/v1/realtime --key-env OPENAI_API_KEY
    From a phone:                antiphon up --lan

    Exit codes: 0 stopped by you, 1 a part could not be started, 2 nothing was started (the message says why).
    """
    from antiphon_cli.local.plan import UpOptions
    from antiphon_cli.up import UpRequest
    from antiphon_cli.up import up as run_up

    request = UpRequest(
        file=given.pop("file"),
        agent=given.pop("agent"),
        key_env=given.pop("key_env"),
        state_dir=given.pop("state_dir"),
        options=UpOptions(**given),
    )
    sys.exit(run_up(request, environ))


@cli.command(short_help="Place a WebRTC call, say a WAV file, time and record the answer.")
@click.argument("url")
@click.option("--wav", type=FILE, help="What to say: 16-bit PCM (default: a short hello).")
@click.option("--record", type=FILE, help="Where to save the answer, as WAV.")
@click.option("--model", help="Which model to ask for (default: the server's).")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.5, 300),
    default=10.0,
    show_default=True,
    help="Seconds for each stage and for the answer.",
)
@click.option(
    "--keep-alive",
    "keep_alive_s",
    type=click.FloatRange(0, 86_400),
    default=0.0,
    metavar="S",
    help="Ask again and again for so many seconds, or until Ctrl-C.",
)
@click.option("--calls", type=click.IntRange(1, 500), default=1, show_default=True, help="Calls at the same time.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--insecure", is_flag=True, help="Accept the self-signed certificate of `antiphon up --lan`.")
def call(**given: Any) -> None:
    """Place a real WebRTC call to URL (http://host:port, or the full calls URL) and say what came of it.

    Prints the set-up by stage, the time from the end of the question to the answer's first audible packet, loss and
    jitter (RFC 3550). The client shares no code with the server's media path.

    Exit codes: 0 ok, or the stage that failed: 10 HTTP, 11 ICE, 12 DTLS, 13 no audio; 1 where Ctrl-C ended it.
    """
    from antiphon_cli.call import CallRequest
    from antiphon_cli.call import call as place

    as_json = given.pop("output") == "json"
    sys.exit(place(CallRequest(as_json=as_json, **given)))


@cli.command(short_help="Show what `antiphon up`, or a cluster, runs.")
@click.option(
    "--state-dir", type=FOLDER, default=DEFAULT_STATE_DIR, show_default=True, help="Of the `antiphon up` to ask."
)
@click.option("--cluster", is_flag=True, help="The cluster, whatever runs here.")
@click.option("--context", metavar="NAME", help=CONTEXT_HELP)
@click.option("-n", "--namespace", metavar="NAME", help=NAMESPACE_HELP)
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def status(environ: Mapping[str, str], /, **given: Any) -> None:
    """Show what runs, what is wrong, and where to look.

    Where `antiphon up` runs with the state folder, that is shown: every part is asked whether it is ready. Otherwise,
    or with --cluster, --context, -n or -A, the cluster of the kubeconfig (KUBECONFIG, else ~/.kube/config, else the
    pod's own service account) is: VoiceRelays, pools, their pods with calls and capacity, and the operator.

    Exit codes: 0 everything is ready, 1 something is not, or nothing is there.
    """
    from antiphon_cli.status import StatusRequest
    from antiphon_cli.status import status as show

    scope = _scope(given["context"], given["namespace"], all_namespaces=given["all_namespaces"])
    cluster = given["cluster"] or scope != Scope()
    as_json = given["output"] == "json"
    sys.exit(show(StatusRequest(given["state_dir"], scope, cluster=cluster, as_json=as_json), environ))


@cli.command(short_help="Check a cluster: what is wrong, and what to do.")
@click.option("--pre", is_flag=True, help="What can be checked before anything is installed.")
@click.option(
    "--only", multiple=True, metavar="CHECK", help="A code such as AP401, or a group such as udp; repeatable."
)
@click.option("--signaling", "signaling_url", metavar="URL", help="Where AP401 calls (default: by the API server).")
@click.option("--context", metavar="NAME", help=CONTEXT_HELP)
@click.option("-n", "--namespace", metavar="NAME", help=NAMESPACE_HELP)
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def doctor(environ: Mapping[str, str], /, **given: Any) -> None:
    """Check a cluster, each check under a code that docs/doctor.md describes.

    Nothing is changed. AP401 places one real call to each VoiceRelay that can take it: its HTTP part through the API
    server, its UDP part from here. What you may not read is skipped, and said.

    \b
    Before an installation:      antiphon doctor --pre -n voice
    Only the way of packets:     antiphon doctor --only udp -n voice

    Exit codes: 0 nothing failed, 1 something did, 2 a wrong option.
    """
    from antiphon_cli.doctor.examination import DoctorRequest
    from antiphon_cli.doctor.examination import doctor as examine

    scope = _scope(given["context"], given["namespace"], all_namespaces=given["all_namespaces"])
    request = DoctorRequest(
        scope=scope,
        only=given["only"],
        before_install=given["pre"],
        signaling_url=given["signaling_url"],
        as_json=given["output"] == "json",
    )
    sys.exit(examine(request, environ))


@cli.command(short_help="Decode a routing ticket (a server-side ICE ufrag).")
@click.argument("ufrag")
@click.option("--keys", type=FILE, default=DEFAULT_STATE_DIR / "keys.json", show_default=True, help="The key ring.")
@click.option("--longest-call", "longest_s", type=click.IntRange(1), default=3600, show_default=True, help="Seconds.")
@click.option("--skew", "skew_s", type=click.IntRange(0, 3600), default=60, show_default=True, help="Seconds.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def ticket(ufrag: str, keys: Path, longest_s: int, skew_s: int, output: str) -> None:
    """Decode UFRAG, the server's `a=ice-ufrag` of an answer, with the keys: which cluster, route and block it names.

    Exit codes: 0 a relay would take it now, 1 refused (the last line says why).
    """
    import json

    from antiphon_cli.ticket import TicketReadingError, read_ticket

    now = int(time.time())
    try:
        reading = read_ticket(ufrag, keys, now, longest_s, skew_s)
    except TicketReadingError as error:
        print(error)
        sys.exit(1)
    print(json.dumps(reading.document(), indent=1) if output == "json" else "\n".join(reading.lines(now)))
    sys.exit(0 if reading.refusal is None else 1)


def _scope(context: str | None, namespace: str | None, *, all_namespaces: bool) -> Scope:
    if namespace and all_namespaces:
        raise click.UsageError("-n and -A exclude each other")
    return Scope(context, namespace, all_namespaces=all_namespaces)


def main() -> None:
    cli(obj=os.environ)


if __name__ == "__main__":
    main()
