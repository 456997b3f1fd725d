"""A Redis whose answer to one write gets lost: it is done, and the connection breaks before anybody hears of it."""

from dataclasses import dataclass

from cut_proxy import CutProxy

_REQUEST = b"EVAL"
_WRITE = b"PXAT"


@dataclass
class LostAnswer(CutProxy):
    armed: bool = False
    """The next write's answer is to be lost."""
    lost: int = 0
    _losing: bool = False

    def loses(self, data: bytes) -> bool:
        if self.armed and _WRITE in data:
            self.armed, self._losing = False, True
        elif self._losing and _REQUEST not in data:
            self._losing = False
            self.lost += 1
            return True
        return False
