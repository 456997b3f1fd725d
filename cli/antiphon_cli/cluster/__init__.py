"""A cluster as `antiphon status` and `antiphon doctor` see it: read over its API server, into plain values."""
