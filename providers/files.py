"""Files on a local or mounted disk: durable, never overwritten, found only by their random name."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.errors import Conflict, Invalid, NotFound, Unavailable

FILE_NAME = re.compile(r"[0-9a-f]{32,64}")
_INCOMING = "incoming"


def write_new_file(path: Path, data: bytes, *, mode: int, scratch: Path | None = None) -> None:
    """Create ``path`` whole or not at all, on stable storage when this returns. Raises FileExistsError, OSError.

    The bytes go to a temporary file in ``scratch`` (same file system; default: beside ``path``), which is then linked:
    unlike a rename, a link never replaces what is already there.
    """
    temporary = (scratch or path.parent) / f".new-{secrets.token_hex(8)}"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:  # noqa: PTH123
            out.write(data)
            out.flush()
            os.fchmod(out.fileno(), mode)
            os.fsync(out.fileno())
        os.link(temporary, path)
        sync_folder(path.parent)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def sync_folder(folder: Path) -> None:
    """Make the entries of ``folder`` itself durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def damaged_name(name: str) -> str:
    """Where a damaged copy is kept for whoever must find out why; never a name that a store would serve."""
    return f"{name}.damaged-{secrets.token_hex(4)}"


class LocalFileStore:
    """app.ports.FileStore under one folder, in two levels of 256 sub-folders; files are 0600, folders 0700.

    Names are 32 to 64 lower-case hexadecimal digits and nothing else, so no name can leave the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / _INCOMING
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, name: str, data: bytes) -> None:
        """Raises Conflict (file_exists), Invalid (file_name_refused), Unavailable when the disk refuses."""
        if not FILE_NAME.fullmatch(name):
            raise Invalid("file_name_refused")
        path = self._path(name)
        try:
            self._make_shard(path.parent)
            write_new_file(path, data, mode=0o600, scratch=self._incoming)
        except OSError as error:
            if isinstance(error, FileExistsError) and path.exists():
                raise Conflict("file_exists") from None
            raise Unavailable("file_store_unavailable", params={"errno": error.errno or 0}) from None

    def get(self, name: str) -> bytes:
        """Raises NotFound, Unavailable."""
        if not FILE_NAME.fullmatch(name):
            raise NotFound
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            raise NotFound from None
        except OSError as error:
            raise Unavailable("file_store_unavailable", params={"errno": error.errno or 0}) from None

    def delete(self, name: str) -> None:
        """Durable when it returns; deleting what is not there is no fault."""
        if not FILE_NAME.fullmatch(name):
            return
        path = self._path(name)
        try:
            path.unlink()
            sync_folder(path.parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable("file_store_unavailable", params={"errno": error.errno or 0}) from None

    def names(self) -> Iterator[str]:
        """app.file_ports.RepairableStore. Raises Unavailable."""
        try:
            for shard in sorted(self._folder.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]")):
                yield from sorted(path.name for path in shard.iterdir() if FILE_NAME.fullmatch(path.name))
        except OSError as error:
            raise Unavailable("file_store_unavailable", params={"errno": error.errno or 0}) from None

    def repair(self, name: str, data: bytes) -> None:
        """app.file_ports.RepairableStore. A reader meanwhile gets the old bytes or the new ones, never half of them."""
        if not FILE_NAME.fullmatch(name):
            raise Invalid("file_name_refused")
        path, fresh = self._path(name), self._incoming / f".new-{secrets.token_hex(8)}"
        try:
            self._make_shard(path.parent)
            write_new_file(fresh, data, mode=0o600)
            with suppress(FileNotFoundError):
                os.link(path, path.with_name(damaged_name(name)))
            fresh.replace(path)
            sync_folder(path.parent)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise Unavailable("file_store_unavailable", params={"errno": error.errno or 0}) from None

    def sweep(self, before: float) -> int:
        """app.file_ports.RepairableStore. Raises Unavailable."""
        swept = 0
        try:
            for path in self._incoming.iterdir():
                with suppress(FileNotFoundError):  # its writer has just finished
                    if path.stat().st_mtime < before:
                        path.unlink()
                        swept += 1
        except OSError as error:
            raise Unavailable("file_store_unavailable", params={"errno": error.errno or 0}) from None
        return swept

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name[2:4] / name

    def _make_shard(self, shard: Path) -> None:
        """A new folder is only durable once its parent is synced too."""
        if shard.is_dir():
            return
        shard.parent.mkdir(mode=0o700, exist_ok=True)
        shard.mkdir(mode=0o700, exist_ok=True)
        sync_folder(shard.parent)
        sync_folder(self._folder)
