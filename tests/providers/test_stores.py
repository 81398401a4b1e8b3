"""One contract for every store: a local folder, an S3-compatible server, and two of them as one."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.errors import Conflict, Invalid, NotFound, Unavailable
from app.file_ports import RepairableStore
from providers.files import LocalFileStore
from providers.replicas import ReplicatedFileStore
from providers.s3_files import S3FileStore
from tests.providers.swift_process import MISSING, SwiftProcess, swift_is_there

NewName = Callable[[], str]


def name() -> str:
    return secrets.token_hex(16)


@pytest.fixture(scope="module")
def swift() -> Iterator[SwiftProcess]:
    if not swift_is_there():
        pytest.skip(MISSING)
    server = SwiftProcess()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def s3_store(swift: SwiftProcess, tries: int = 2) -> S3FileStore:
    return S3FileStore(swift.bucket(f"files-{secrets.token_hex(6)}"), connect_s=5, read_s=20, tries=tries)


@pytest.fixture(params=["local", "s3", "local with a replica", "s3 with a local replica"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RepairableStore:
    kind = str(request.param)
    if kind.startswith("s3"):
        primary: RepairableStore = s3_store(request.getfixturevalue("swift"))
    else:
        primary = LocalFileStore(tmp_path / "files")
    return ReplicatedFileStore(primary, LocalFileStore(tmp_path / "replica")) if "replica" in kind else primary


def test_what_was_put_comes_back_whatever_its_size(store: RepairableStore) -> None:
    for data in (b"", b"sealed \x00 bytes", secrets.token_bytes(20 << 20)):
        at = name()
        store.put(at, data)
        assert store.get(at) == data


def test_never_overwrites(store: RepairableStore) -> None:
    at = name()
    store.put(at, b"first")
    for data in (b"second", b"first", b""):
        with pytest.raises(Conflict) as caught:
            store.put(at, data)
        assert caught.value.code == "file_exists"
    assert store.get(at) == b"first"


def test_absent_is_not_found_and_deleting_it_is_no_fault(store: RepairableStore) -> None:
    at = name()
    with pytest.raises(NotFound):
        store.get(at)
    store.delete(at)
    store.put(at, b"x")
    store.delete(at)
    store.delete(at)
    with pytest.raises(NotFound):
        store.get(at)
    store.put(at, b"again")
    assert store.get(at) == b"again"


def test_of_many_at_once_one_wins_and_the_others_know(store: RepairableStore) -> None:
    at, start = name(), threading.Barrier(8)
    won: list[bytes] = []
    lost: list[str] = []

    def put(data: bytes) -> None:
        start.wait()
        try:
            store.put(at, data)
            won.append(data)
        except Conflict as error:
            lost.append(error.code)

    threads = [threading.Thread(target=put, args=(bytes([n]) * 100_000,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), lost) == (1, ["file_exists"] * 7)
    assert store.get(at) == won[0]


def test_no_other_name_is_accepted(store: RepairableStore) -> None:
    for wrong in ("", "../" * 9 + "etc/passwd", "a" * 31, "A" * 32, "a" * 32 + "\n", "ａ" * 32):
        with pytest.raises(Invalid):
            store.put(wrong, b"x")
        with pytest.raises(Invalid):
            store.repair(wrong, b"x")
        with pytest.raises(NotFound):
            store.get(wrong)
        store.delete(wrong)
    assert list(store.names()) == []


def test_names_ascend_and_are_all(store: RepairableStore) -> None:
    names = [name() for _ in range(8)]
    for at in names:
        store.put(at, b"x")
    assert list(store.names()) == sorted(names)


def test_repair_replaces_and_keeps_the_damaged_copy_aside(store: RepairableStore, tmp_path: Path) -> None:
    at, absent = name(), name()
    store.put(at, b"damaged")
    store.repair(at, b"good")
    store.repair(absent, b"was lost")
    assert (store.get(at), store.get(absent)) == (b"good", b"was lost")
    assert list(store.names()) == sorted([at, absent])
    with pytest.raises(Conflict):
        store.put(at, b"other")
    kept = list(_aside(store, at))
    assert kept == [b"damaged"]
    assert list(_aside(store, absent)) == []


def _aside(store: RepairableStore, at: str) -> Iterator[bytes]:
    """What lies under the names that a repair gives, read past the store."""
    inner = store._primary if isinstance(store, ReplicatedFileStore) else store
    if isinstance(inner, S3FileStore):
        s3, bucket = inner._client(), inner._bucket.name
        for entry in s3.list_objects_v2(Bucket=bucket, Prefix=f"{at}.damaged-").get("Contents", ()):
            yield s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
    elif isinstance(inner, LocalFileStore):
        for path in inner._folder.rglob(f"{at}.damaged-*"):
            yield path.read_bytes()


def test_a_store_killed_is_unavailable_and_back_with_all_it_had_promised(swift: SwiftProcess, tmp_path: Path) -> None:
    store, at, late = s3_store(swift, tries=1), name(), name()
    both = ReplicatedFileStore(LocalFileStore(tmp_path), store)
    store.put(at, b"kept")
    swift.kill()
    try:
        for call in (lambda: store.put(name(), b"x"), lambda: store.get(at), lambda: store.delete(at),
                     lambda: list(store.names()), lambda: store.repair(at, b"x"), lambda: both.sync()):  # fmt: skip
            with pytest.raises(Unavailable) as caught:
                call()
            assert caught.value.code == "file_store_unavailable"
        both.put(late, b"not lost")
        assert both.get(late) == b"not lost"
    finally:
        swift.start()
    assert store.get(at) == b"kept"
    report = both.sync()
    assert (report.seen, report.copied, report.missing_in_primary) == (1, 1, 1)
    assert both.replica_get(late) == b"not lost"


def test_more_names_than_one_page_holds(swift: SwiftProcess) -> None:
    store = s3_store(swift)
    names = sorted(name() for _ in range(7))
    for at in names:
        store.put(at, b"")
    assert list(S3FileStore(store._bucket, page=3).names()) == names


def test_a_wrong_key_and_a_missing_bucket_are_unavailable(swift: SwiftProcess) -> None:
    bucket = s3_store(swift)._bucket
    for wrong in ({"secret_key": "guess"}, {"name": "no-such-bucket"}):
        store = S3FileStore(type(bucket)(**{**_fields(bucket), **wrong}))
        for call in (lambda: store.get(name()), lambda: store.put(name(), b"x")):  # noqa: B023 - called at once
            with pytest.raises(Unavailable):
                call()


def _fields(bucket: object) -> dict[str, str]:
    return {key: getattr(bucket, key) for key in ("endpoint", "name", "region", "access_key", "secret_key")}
