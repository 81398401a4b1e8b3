"""A CSV row by row, in whatever encoding it came; never more than one row in memory."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from app.errors import FieldFault, Invalid

RawRow = tuple[int, list[str], Mapping[int, str]]
"""(line in the file, cells as text, column position -> code of what a cell itself is refused for)."""

MAX_CELL = 100_000
_SAMPLE = 1 << 16
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NO_MARKS: Mapping[int, str] = {}
_NOISE = re.compile(r"[\s*＊:：\u200b\ufeff]|[(（](?:必填|选填|不可为空)[)）]")
_BRACKETS = str.maketrans("（）", "()")


def bare(header: str) -> str:
    """A header without what people decorate it with."""
    return _NOISE.sub("", header).translate(_BRACKETS)


def encoding_of(stream: BinaryIO, table: str) -> str:
    """By the byte-order mark, or by a sample from the first byte that is not ASCII on. Raises Invalid."""
    head = stream.read(_SAMPLE)
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    offset = 0
    while head.isascii():
        following = stream.read(_SAMPLE)
        if not following:
            return "utf-8"
        offset, head = offset + len(head), following
    begins = next(i for i, byte in enumerate(head) if byte > 127)
    sample = head[begins:] + stream.read(_SAMPLE)
    ended = not stream.read(1)
    first: UnicodeDecodeError | None = None
    for encoding in ("utf-8", "gb18030"):
        try:
            codecs.getincrementaldecoder(encoding)().decode(sample, final=ended)
        except UnicodeDecodeError as error:
            first = first or error
            continue
        return encoding
    raise _undecodable(table, offset + begins + (first.start if first is not None else 0))


def _undecodable(table: str, at: int, line: int = 0) -> Invalid:
    where = f"第 {line} 行附近，" if line else ""
    words = f"文件编码无法识别（{where}第 {at + 1} 字节），请另存为 UTF-8 或 GB18030"
    return Invalid("document_unreadable", faults=[FieldFault(f"/{table}", "wrong", words)])


class _Decoded:
    """Lines of text; knows where it stopped understanding."""

    def __init__(self, stream: BinaryIO, encoding: str, table: str) -> None:
        self._table, self._line, self._bytes = table, 0, _Counted(stream)
        self._text = io.TextIOWrapper(io.BufferedReader(self._bytes, 1 << 16), encoding, newline="")

    def __iter__(self) -> Iterator[str]:
        try:
            for line in self._text:
                self._line += 1
                if "\x00" in line:
                    raise _undecodable(self._table, 0, self._line)
                yield line
        except UnicodeError as error:
            begins = self._bytes.before + getattr(error, "start", 0)
            raise _undecodable(self._table, max(begins, 0), self._line + 1) from None


class _Counted(io.RawIOBase):
    def __init__(self, inner: BinaryIO) -> None:
        super().__init__()
        self._inner, self.before, self._last = inner, 0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        data = self._inner.read(len(buffer))
        buffer[: len(data)] = data
        self.before, self._last = self.before + self._last, len(data)
        return len(data)


def csv_rows(opened: Callable[[], BinaryIO], table: str) -> Iterator[RawRow]:
    """Blank lines are passed over but counted. ``opened`` gives the stream from its beginning, twice. Raises Invalid
    when it is no text or no table.
    """
    encoding = encoding_of(opened(), table)
    lines = iter(_Decoded(opened(), encoding, table))
    first = next(lines, None)
    if first is None:
        return
    delimiter = max(",\t;", key=first.count)
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(_chained(first, lines), delimiter=delimiter)
    try:
        for cells in reader:
            if cells and any(cells):
                yield reader.line_num, [c.strip() for c in cells], _NO_MARKS
    except csv.Error:
        words = f"第 {reader.line_num} 行附近：表格无法读取"
        raise Invalid("document_unreadable", faults=[FieldFault(f"/{table}", "wrong", words)]) from None


def _chained(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines
