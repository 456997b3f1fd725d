"""Antiphon signaling: SDP offers in, answers that name the VIP out."""

from importlib.metadata import version

__version__ = version("antiphon-signaling")
