"""The last good shards in a file, so that a process that starts anew serves at once, also with the API server down."""

import json
from pathlib import Path

from antiphon_wire.cluster.shards import Shard, ShardError, read_shard, shard_manifest
from antiphon_wire.logs import log


def read_cache(path: Path) -> tuple[Shard, ...]:
    """Nothing where there is no file, or where it is damaged: the cluster has the truth."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return tuple(read_shard(manifest) for manifest in document["shards"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        why = str(error) if isinstance(error, ShardError) else type(error).__name__
        log.warning("cached route table not used", extra={"fields": {"file": path, "why": why}})
        return ()


def write_cache(path: Path, shards: tuple[Shard, ...]) -> None:
    """Raises OSError."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps({"shards": [shard_manifest(shard) for shard in shards]}), encoding="utf-8")
    beside.replace(path)
