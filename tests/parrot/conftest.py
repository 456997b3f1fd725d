"""The agent is a folder to copy, not a package: its modules are found as they are when it runs."""

import sys
from pathlib import Path

PARROT = Path(__file__).parents[2] / "examples" / "parrot"
sys.path.insert(0, str(PARROT))
