"""Every Python process of a soak imports this first: what only waits for its collector is to look like no leak.

CPython collects the oldest garbage when it has become a quarter of all objects (gcmodule.c), which may take hours. What
there is after the start is left out of it, so that a collection is over in a moment.
"""

import gc
import threading

STARTED_S = 5.0
EVERY_S = 2.0


def collect() -> None:
    over = threading.Event()
    over.wait(STARTED_S)
    gc.collect()
    gc.freeze()
    while not over.wait(EVERY_S):
        gc.collect()


threading.Thread(target=collect, daemon=True, name="soak-collector").start()
