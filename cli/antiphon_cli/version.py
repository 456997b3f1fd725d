"""The version of the installed command."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    try:
        return installed("antiphon-cli")
    except PackageNotFoundError:
        return "(not installed)"
