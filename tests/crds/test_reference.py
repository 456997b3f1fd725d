"""The reference pages say what there is."""

from pathlib import Path

import pytest

from antiphon_crds.documents import KINDS
from antiphon_crds.reference import page
from custom_resources import Namespace
from kubectl_page import commands, masked, runner, written_anew

PAGES = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("kind", KINDS)
def test_a_kinds_page_is_as_its_definition_has_it(kind: str) -> None:
    assert (PAGES / f"{kind.lower()}.md").read_text() == page(kind), "stale: run scripts/reference"


@pytest.mark.cluster
def test_kubectl_prints_what_the_page_shows(namespace: Namespace, tmp_path: Path) -> None:
    shown = (PAGES / "kubectl.md").read_text()
    assert len(commands(shown)) > 10
    assert masked(written_anew(shown, runner(namespace, tmp_path))) == masked(shown), "stale: run scripts/reference"
