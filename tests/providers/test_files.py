"""The file store: durable names, no overwriting, no way out of the folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from app.errors import Conflict, Invalid, NotFound, Unavailable
from providers.files import LocalFileStore, write_new_file
from providers.replicas import ReplicatedFileStore

NAME = "0123456789abcdef" * 2


def test_what_was_put_comes_back_and_can_be_deleted(tmp_path: Path) -> None:
    store = LocalFileStore(tmp_path / "files")
    store.put(NAME, b"sealed \x00 bytes")
    assert LocalFileStore(tmp_path / "files").get(NAME) == b"sealed \x00 bytes"
    store.delete(NAME)
    store.delete(NAME)
    with pytest.raises(NotFound):
        store.get(NAME)


def test_never_overwrites(tmp_path: Path) -> None:
    store = LocalFileStore(tmp_path)
    store.put(NAME, b"first")
    with pytest.raises(Conflict):
        store.put(NAME, b"second")
    assert store.get(NAME) == b"first"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../" * 10 + "etc/passwd",
        "a" * 31,
        "a" * 65,
        NAME.upper(),
        NAME + "\n",
        NAME[:-1] + "/",
        "ａ" * 32,
        "٣" * 32,
    ],
)
def test_no_other_name_is_accepted(tmp_path: Path, name: str) -> None:
    store = LocalFileStore(tmp_path / "files")
    with pytest.raises(Invalid):
        store.put(name, b"x")
    with pytest.raises(NotFound):
        store.get(name)
    store.delete(name)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_files_are_for_their_owner_only_and_sharded(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        LocalFileStore(tmp_path).put(NAME, b"x")
    finally:
        os.umask(old)
    path = tmp_path / "01" / "23" / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_disk_that_refuses_is_unavailable_and_leaves_nothing(tmp_path: Path) -> None:
    store = LocalFileStore(tmp_path)
    (tmp_path / "01").write_text("in the way")
    with pytest.raises(Unavailable):
        store.put(NAME, b"x")
    assert list((tmp_path / "incoming").iterdir()) == []


def test_sweep_removes_only_old_leftovers(tmp_path: Path) -> None:
    store = LocalFileStore(tmp_path)
    for name, age in (("old", 100.0), ("young", 900.0)):
        leftover = tmp_path / "incoming" / name
        leftover.write_bytes(b"half")
        os.utime(leftover, (age, age))
    assert store.sweep(before=500.0) == 1
    assert [p.name for p in (tmp_path / "incoming").iterdir()] == ["young"]


def test_write_new_file_keeps_what_is_there(tmp_path: Path) -> None:
    write_new_file(tmp_path / "a", b"1", mode=0o400)
    with pytest.raises(FileExistsError):
        write_new_file(tmp_path / "a", b"2", mode=0o400)
    assert (tmp_path / "a").read_bytes() == b"1"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_leftovers_are_swept_in_both_copies(tmp_path: Path) -> None:
    first, second = LocalFileStore(tmp_path / "one"), LocalFileStore(tmp_path / "two")
    both = ReplicatedFileStore(first, second)
    name = "ab" * 16
    both.put(name, b"kept")
    for folder in ("one", "two"):
        left = tmp_path / folder / "incoming" / ".new-left"
        left.write_bytes(b"half")
        os.utime(left, (100.0, 100.0))
        (tmp_path / folder / "incoming" / ".new-being-written").write_bytes(b"half")
    assert (both.sweep(before=500.0), both.sweep(before=500.0)) == (2, 0)
    assert [p.name for p in sorted((tmp_path).rglob(".new-*"))] == [".new-being-written"] * 2
    assert both.get(name) == both.replica_get(name) == b"kept"
