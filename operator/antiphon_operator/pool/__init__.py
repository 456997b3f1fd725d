"""The pods of a TransceiverPool: how many, which ones go, and what the pool's status says. Pure."""
