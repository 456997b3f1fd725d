"""Whatever a file holds, it is a resource or it is refused with lines: nothing else comes out of the parser."""

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.overlay import Json
from antiphon_crds.resource import ResourceError
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_crds.voice_relay import VoiceRelay

PARSERS = {"VoiceRelay": VoiceRelay.parse, "TransceiverPool": TransceiverPool.parse}
Place = tuple[str | int, ...]
WHOLE: list[dict[str, Json]] = list(yaml.safe_load_all((Path(__file__).parent / "every_field.yaml").read_text()))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner), max_leaves=6
)


def places(value: Json, at: Place = ()) -> Iterator[Place]:
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*at, key))


def replaced(document: Json, at: Place, value: Json) -> Json:
    if not at:
        return value
    copy = deepcopy(document)
    assert isinstance(copy, dict | list)
    copy[at[0]] = replaced(copy[at[0]], at[1:], value)  # type: ignore[index]  # the place is in it
    return copy


@given(st.sampled_from([(document, place) for document in WHOLE for place in places(document)]), VALUES)
def test_one_part_of_a_good_resource_is_anything(where: tuple[dict[str, Json], Place], value: Json) -> None:
    document, place = where
    changed = replaced(document, place, value)
    assert isinstance(changed, dict)
    with suppress(ResourceError):
        PARSERS[str(document["kind"])](changed)


@given(st.sampled_from(sorted(PARSERS)), st.dictionaries(st.text(max_size=4), VALUES), VALUES)
def test_a_resource_is_anything(kind: str, around: dict[str, Json], spec: Json) -> None:
    named: dict[str, Json] = {"apiVersion": "antiphon.dev/v1alpha1", "kind": kind, "metadata": {"name": "edge"}}
    with suppress(ResourceError):
        PARSERS[kind]({**around, **named, "spec": spec})
