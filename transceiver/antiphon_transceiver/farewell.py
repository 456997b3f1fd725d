"""How a call parts from its layers: each has its own time and its own guard, so that none is left open by another."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

logger = logging.getLogger(__name__)

LIMIT_S = 2.0
"""For one layer."""

Layer = tuple[str, Callable[[], Awaitable[None]]]
"""Its name, and how it says goodbye."""


async def take_leave(call_id: str, layers: Iterable[Layer], *, limit_s: float = LIMIT_S) -> None:
    """Says goodbye layer by layer; what one of them raises or how long it hangs does not keep the next from its own."""
    for name, say_goodbye in layers:
        fields = {"call": call_id, "layer": name}
        try:
            async with asyncio.timeout(limit_s):
                await say_goodbye()
        except TimeoutError:
            logger.warning("a call's farewell took too long", extra={"fields": fields})
        except Exception:
            logger.exception("a call's farewell failed", extra={"fields": fields})
