"""Antiphon transceiver."""
