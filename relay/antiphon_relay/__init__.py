"""Antiphon relay: one UDP port in front of the transceivers. The packet path is Rust; this package runs it."""
