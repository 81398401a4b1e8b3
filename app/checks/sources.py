"""Packages as a stranger holds them: a folder, or a zip. Nothing is ever extracted, and nothing outside is touched."""

from __future__ import annotations

import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from app.checks.safe import MAX_BYTES, MAX_FILES
from app.errors import NotFound, Tampered

MAX_FILE = 1024**3
_MAX_RATIO, _RATIO_FROM = 200, 1024**2
_ENCRYPTED = 0x1
_DAMAGED = (
    OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, NotImplementedError, EOFError, ValueError
)  # fmt: skip


class Unreadable(Exception):
    """This is no package that can be looked at safely; ``words`` say why, in Chinese."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class FolderSource:
    def __init__(self, folder: Path) -> None:
        """Raises Unreadable for links and special files inside, and for too many or too large ones."""
        self._folder = folder
        self._names = sorted(self._walk(folder, ""))
        if not self._names:
            raise Unreadable("文件夹是空的")

    def _walk(self, folder: Path, prefix: str) -> list[str]:
        found: list[str] = []
        try:
            entries = list(os.scandir(folder))
        except OSError:
            raise Unreadable("文件夹无法读取") from None
        for entry in entries:
            if entry.is_symlink():
                raise Unreadable(f"含有符号链接：{prefix}{entry.name}")
            if entry.is_dir():
                found += self._walk(Path(entry.path), f"{prefix}{entry.name}/")
            elif not entry.is_file():
                raise Unreadable(f"含有特殊文件：{prefix}{entry.name}")
            elif entry.stat().st_size > MAX_FILE:
                raise Unreadable(f"文件过大：{prefix}{entry.name}")
            else:
                found.append(prefix + entry.name)
            if len(found) > MAX_FILES:
                raise Unreadable("文件过多")
        return found

    def names(self) -> Sequence[str]:
        return self._names

    def read(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            raise NotFound("file_not_found") from None


class ZipSource:
    """The one folder that a serialised bag stands in is taken off; entries outside of it keep their whole name."""

    def __init__(self, path: Path) -> None:
        """Raises Unreadable for what is no zip, is a bomb, is encrypted, or names a file twice."""
        try:
            self._zip = zipfile.ZipFile(path)
            entries = [e for e in self._zip.infolist() if not e.is_dir()]
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
            raise Unreadable("不是完整的 ZIP 文件") from None
        self._refuse(entries)
        tops = sorted(e.filename for e in entries if e.filename.count("/") == 1 and e.filename.endswith("/bagit.txt"))
        top = "" if any(e.filename == "bagit.txt" for e in entries) or not tops else tops[0].removesuffix("bagit.txt")
        self._entries = {e.filename.removeprefix(top): e for e in entries}
        if len(self._entries) != len(entries):
            raise Unreadable("同一路径出现两次")

    @staticmethod
    def _refuse(entries: Sequence[zipfile.ZipInfo]) -> None:
        if not entries:
            raise Unreadable("压缩包是空的")
        if len(entries) > MAX_FILES or sum(e.file_size for e in entries) > MAX_BYTES:
            raise Unreadable("展开后文件过多或过大")
        for entry in entries:
            if entry.flag_bits & _ENCRYPTED:
                raise Unreadable("压缩包已加密")
            if entry.file_size > MAX_FILE:
                raise Unreadable("含有过大的文件")
            if entry.file_size > _RATIO_FROM and entry.file_size > _MAX_RATIO * max(1, entry.compress_size):
                raise Unreadable("压缩比异常，疑为压缩炸弹")
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise Unreadable("含有符号链接")

    def names(self) -> Sequence[str]:
        return sorted(self._entries)

    def read(self, name: str) -> bytes:
        entry = self._entries[name]
        try:
            with self._zip.open(entry) as file:
                data = file.read(entry.file_size + 1)
        except _DAMAGED:
            raise Tampered("sealed_value_damaged") from None
        if len(data) != entry.file_size:
            raise Tampered("sealed_value_damaged")
        return data


def source_at(path: Path) -> FolderSource | ZipSource:
    """Raises Unreadable."""
    if path.is_dir():
        return FolderSource(path)
    if not path.is_file():
        raise Unreadable("没有这个文件或文件夹")
    return ZipSource(path)
