"""Objects of one kind, from lists, watches and our own writes, in whatever order these come."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from antiphon_wire.cluster.manifest import ManifestError, ObjectKey, key_of, version_of
from antiphon_wire.cluster.object_store import ChangeKind, ObjectStore

KEY = ObjectKey("voice", "a")


def manifest(version: int, name: str = "a", **fields: object) -> dict[str, Any]:
    return {"metadata": {"namespace": "voice", "name": name, "resourceVersion": str(version)}, **fields}


def kinds(changes: list[Any]) -> list[ChangeKind]:
    return [change.kind for change in changes]


def test_a_watch_adds_changes_and_removes() -> None:
    store = ObjectStore()
    assert kinds(store.added_or_modified(manifest(1))) == [ChangeKind.ADDED]
    assert kinds(store.added_or_modified(manifest(2, x=1))) == [ChangeKind.MODIFIED]
    assert (store[KEY]["x"], store.version) == (1, 2)
    assert kinds(store.deleted(manifest(3))) == [ChangeKind.DELETED]
    assert (len(store), store.version) == (0, 3)


def test_what_we_wrote_is_told_once_although_the_watch_tells_of_it_too() -> None:
    store = ObjectStore()
    store.added_or_modified(manifest(1))
    assert kinds(store.put(manifest(5, x=1))) == [ChangeKind.MODIFIED]
    assert store.added_or_modified(manifest(3)) == []
    assert store[KEY]["x"] == 1
    assert store.added_or_modified(manifest(5, x=1)) == []


def test_an_answer_that_comes_late_does_not_bring_back_what_was_deleted_meanwhile() -> None:
    store = ObjectStore()
    store.added_or_modified(manifest(1))
    store.deleted(manifest(4))
    assert store.put(manifest(3)) == []
    assert len(store) == 0


def test_a_deletion_leaves_the_object_that_has_the_name_since() -> None:
    store = ObjectStore()
    store.added_or_modified(manifest(1))
    store.put(manifest(6, x="new"))
    assert store.deleted(manifest(4)) == []
    assert store[KEY]["x"] == "new"


def test_a_list_removes_what_it_lacks_but_not_what_we_wrote_after_it() -> None:
    store = ObjectStore()
    store.added_or_modified(manifest(1, "gone"))
    store.added_or_modified(manifest(2, "stays"))
    store.put(manifest(9, "written"))
    changes = store.replace([manifest(2, "stays"), manifest(5, "new")], 6)
    assert [(change.kind, change.key.name) for change in changes] == [
        (ChangeKind.DELETED, "gone"),
        (ChangeKind.ADDED, "new"),
    ]
    assert {key.name for key in store} == {"stays", "written", "new"}
    assert store.version == 6


def test_a_list_of_a_server_that_was_restored_from_a_backup_is_the_truth() -> None:
    store = ObjectStore()
    store.added_or_modified(manifest(100, "gone"))
    store.added_or_modified(manifest(101, x="newer"))
    store.replace([manifest(50, x="older")], 60)
    assert {key.name for key in store} == {"a"}
    assert (store[KEY]["x"], store.version) == ("older", 60)


WRITES = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(-1, 4)), max_size=20)


@given(WRITES)
def test_after_all_news_the_store_is_what_the_server_has(writes: list[tuple[str, bool, int]]) -> None:
    """Each write is told by the watch, in order, and its answer comes a little before that or some time after."""
    server: dict[str, int] = {}
    store = ObjectStore()
    news: list[tuple[float, Callable[[dict[str, Any]], object], dict[str, Any]]] = []
    for version, (name, deletes, late) in enumerate(writes, start=1):
        if not deletes:
            server[name] = version
            news.append((version, store.added_or_modified, manifest(version, name)))
            news.append((version + late + 0.5, store.put, manifest(version, name)))
        elif server.pop(name, None) is not None:
            news.append((version, store.deleted, manifest(version, name)))
    for _, take, told in sorted(news, key=itemgetter(0)):
        take(told)
    assert {key.name: version_of(kept) for key, kept in store.items()} == server


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.dictionaries(
            st.sampled_from(["metadata", "name", "namespace", "resourceVersion"]), inner, max_size=4
        ),
        max_leaves=12,
    )
)
def test_what_is_no_object_is_refused_in_one_way(document: Any) -> None:
    for read in (key_of, version_of):
        try:
            read(document)
        except ManifestError:
            continue
