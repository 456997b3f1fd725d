"""What `scripts/reference` runs: writes the pages of docs/reference into a folder."""

import sys
from pathlib import Path

from antiphon_crds.documents import KINDS
from antiphon_crds.reference import page
from custom_resources import Namespace, install_kinds
from kubectl_page import SHOWN_NAMESPACE, runner, written_anew
from real_kubernetes.control_plane import control_plane
from real_kubernetes.run_folder import run_folder


def main(folder: Path) -> None:
    for kind in KINDS:
        (folder / f"{kind.lower()}.md").write_text(page(kind))
    shown = folder / "kubectl.md"
    with run_folder("reference") as scratch, control_plane(scratch) as plane:
        install_kinds(plane.cluster)
        plane.cluster.kubectl("create", "namespace", SHOWN_NAMESPACE)
        run = runner(Namespace(plane.cluster, SHOWN_NAMESPACE), scratch)
        shown.write_text(written_anew(shown.read_text(), run))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
