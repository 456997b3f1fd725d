"""How a path is told to people."""

from pathlib import Path


def shown_path(path: Path) -> str:
    """From the current folder where it lies below it, so that it is short and can be copied."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
