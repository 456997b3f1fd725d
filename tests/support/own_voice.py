"""Whether a person in a browser hears the agent's answer to his own voice, and to nobody else's."""

import asyncio
from typing import Any

from browser import Person
from voices import NAMES, RATE, likeness, voice


async def hears_itself(person: Person[Any], name: str, timeout_s: float = 40) -> dict[str, float]:
    """Waits until the agent's answer to this voice is in the recording; how like each voice the recording is."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        heard = await person.heard()
        score = likeness(voice(name).samples(), heard) if len(heard) > RATE else 0.0
        if score > 0.6 or asyncio.get_running_loop().time() > deadline:
            return {other: likeness(voice(other).samples(), heard) for other in NAMES}
        await asyncio.sleep(0.5)


def assert_own_voice(scores: dict[str, float], name: str) -> None:
    assert scores[name] > 0.6, scores
    assert all(score < scores[name] - 0.2 for other, score in scores.items() if other != name), scores
