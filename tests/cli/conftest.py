"""What these tests share lies beside them: a small WebRTC server to call."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
