"""Antiphon signaling: SDP offers in, answers that name the VIP out."""

__version__ = "0.1.0"
