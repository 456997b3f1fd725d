"""Antiphon's custom resources: the schemas that a cluster installs, and what they hold as typed values."""
