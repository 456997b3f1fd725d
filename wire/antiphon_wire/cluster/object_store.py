"""The objects of one kind as the server last told of them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from antiphon_wire.cluster.manifest import Manifest, ObjectKey, key_of, version_of


class ChangeKind(Enum):
    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"


@dataclass(frozen=True)
class Change:
    kind: ChangeKind
    key: ObjectKey
    manifest: Manifest
    """As it is now; of a deleted object, as it was last."""


class ObjectStore(Mapping[ObjectKey, Manifest]):
    """Objects by namespace and name. It never goes back to an older version of an object.

    Every method that takes news returns the changes that they made.
    """

    def __init__(self) -> None:
        self._objects: dict[ObjectKey, Manifest] = {}
        self._versions: dict[ObjectKey, int] = {}
        self.version = 0
        """Everything that was written up to this version is in here: a watch goes on from it."""

    def __getitem__(self, key: ObjectKey) -> Manifest:
        return self._objects[key]

    def __iter__(self) -> Iterator[ObjectKey]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def put(self, manifest: Manifest) -> list[Change]:
        """Takes the answer to a write of ours, which the watch has not told of yet."""
        # The watch has told of everything up to its version: what it knows by then is newer, or was deleted.
        return self._place(manifest) if version_of(manifest) > self.version else []

    def added_or_modified(self, manifest: Manifest) -> list[Change]:
        """Takes what a watch tells."""
        changes = self._place(manifest)
        self.seen(manifest)
        return changes

    def deleted(self, manifest: Manifest) -> list[Change]:
        """Takes what a watch tells: the object as it was last, with the version of its deletion."""
        key, version = key_of(manifest), version_of(manifest)
        self.seen(manifest)
        # One that was made anew since then, under the same name, stays.
        return self._remove(key, manifest) if self._versions.get(key, version + 1) <= version else []

    def seen(self, manifest: Manifest) -> None:
        """Takes a bookmark: nothing more will come that was written before it."""
        self.version = max(self.version, version_of(manifest))

    def replace(self, manifests: Iterable[Manifest], version: int) -> list[Change]:
        """Takes a whole list, as it was at `version`."""
        listed = {key_of(manifest): manifest for manifest in manifests}
        # A server that went back was restored from a backup: what we know is of a history that is no more.
        went_back = version < self.version
        if went_back:
            self._versions = dict.fromkeys(self._versions, 0)
        changes: list[Change] = []
        for key in [key for key in self._objects if key not in listed and self._versions[key] <= version]:
            changes += self._remove(key, self._objects[key])
        for manifest in listed.values():
            changes += self._place(manifest)
        self.version = version
        return changes

    def _place(self, manifest: Manifest) -> list[Change]:
        key, version = key_of(manifest), version_of(manifest)
        known = self._versions.get(key)
        if known is not None and known >= version:
            return []
        self._objects[key], self._versions[key] = manifest, version
        return [Change(ChangeKind.ADDED if known is None else ChangeKind.MODIFIED, key, manifest)]

    def _remove(self, key: ObjectKey, last: Manifest) -> list[Change]:
        del self._objects[key], self._versions[key]
        return [Change(ChangeKind.DELETED, key, last)]
