"""The names of the images that tests run: of the harness's own nodes, or of a registry that the environment names."""

import os

PREFIX = "ANTIPHON_TEST_REGISTRY"
"""What stands before a deployable's name: `registry.example.com/antiphon-`; the tag is `test`."""


def image(name: str) -> str:
    """`image("relay")`; also agent, transceiver, signaling, operator, cli, redis."""
    return f"{os.environ.get(PREFIX, 'localhost/antiphon-')}{name}:test"
