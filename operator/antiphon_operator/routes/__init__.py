"""Which pod owns which route ids: the RouteTable objects, which also are the ledger of pods. Pure."""
