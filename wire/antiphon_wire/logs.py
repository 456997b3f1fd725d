"""Logs: one line per event on stderr, `time level part message key=value …`."""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

log: Final = logging.getLogger("antiphon")
"""`log.info("call ended", extra={"fields": {"reason": reason}})`; a child logger works the same."""

LEVELS: Final = ("debug", "info", "warning", "error")

_SECRET_FIELDS: Final = frozenset(
    {"answer", "authorization", "candidate", "client", "key", "offer", "password", "sdp", "secret", "token", "ufrag"}
)
_PLAIN: Final = re.compile(r"[^\s\"=\\]+")


def configure_logs(part: str, level: str = "info") -> None:
    """Sends every logger's records to stderr in our form; `part` names the process."""
    if level.lower() not in LEVELS:
        raise ValueError(f"the log level must be one of {', '.join(LEVELS)}, not {level!r}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(part))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class LineFormatter(logging.Formatter):
    """One record, one line: what would break the line is escaped, what is secret is left out."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = record.getMessage()
        shown = message if message.isprintable() else json.dumps(message)[1:-1]
        line = [time.replace("+00:00", "Z"), record.levelname.lower(), self._part, shown]
        fields: Mapping[str, object] = getattr(record, "fields", {})
        line += [f"{name}={_shown(name, value)}" for name, value in fields.items()]
        if record.exc_info:
            line.append(f"traceback={_quoted(self.formatException(record.exc_info))}")
        return " ".join(line)


def _shown(name: str, value: object) -> str:
    # A last net below the rule that these never reach a log call.
    if not _SECRET_FIELDS.isdisjoint(name.lower().split("_")):
        return "[redacted]"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    # What is not printable (line separators of every kind, terminal escapes, lone surrogates) is escaped.
    if not text.isprintable():
        return json.dumps(text)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
