"""Looks for the journey's marks in everything the product wrote, after planting one of each to see itself find it.

Searched are logs, the data folder (PostgreSQL's own files and the sealed file store among it), the processes' temporary
folder, every column of every table (job arguments and event rows are tables), and Redis. The sandbox's folder is left
out: it stands for the platforms, which know their users.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from tests.journey.cast import FILE_MARK, FRAME_MARK, GRADE_MARK, NAME_MARK
from tests.journey.scene import Scene
from tests.journey.stack import Stack
from tests.journey.story import check

CHUNK = 4 * 1024 * 1024
WORD, TABLE_BITS, SPREAD = 8, 20, np.uint64(0x9E3779B97F4A7C15)
SHORTEST = 6  # bytes; fewer stand somewhere in a hundred megabytes of ciphertext by chance
PLANT = "canary_plant"


@dataclass(slots=True)
class Tally:
    """What was searched in one kind of place, and where marks stood (never the marks themselves)."""

    places: int = 0
    size: int = 0
    hits: list[str] = field(default_factory=list)


class Needles:
    """The marks in every spelling they could be written down in, thousands of them looked for at once.

    Each byte of the data begins an eight-byte word; a table tells which words could begin a mark.
    """

    def __init__(self, marks: dict[str, set[bytes]]) -> None:
        spelt = {s: kind for kind, texts in marks.items() for text in texts for s in spellings(text)}
        self.count, self.longest = len(spelt), max(map(len, spelt))
        self._short = {s: kind for s, kind in spelt.items() if len(s) < WORD}
        self._long: dict[int, list[tuple[bytes, str]]] = {}
        for spelling, kind in spelt.items():
            if len(spelling) >= WORD:
                self._long.setdefault(int.from_bytes(spelling[:WORD], "little"), []).append((spelling, kind))
        self._heads = np.array(sorted(self._long), dtype=np.uint64)
        self._table = np.zeros(1 << TABLE_BITS, dtype=np.bool_)
        self._table[_slots(self._heads)] = True

    def kinds_in(self, data: bytes) -> set[str]:
        found = {kind for spelling, kind in self._short.items() if spelling in data}
        for offset in range(min(WORD, max(0, len(data) - WORD + 1))):
            words = np.frombuffer(data, dtype="<u8", count=(len(data) - offset) // WORD, offset=offset)
            likely = np.nonzero(self._table[_slots(words)])[0]
            for place in likely[np.isin(words[likely], self._heads)]:
                at = offset + int(place) * WORD
                found |= {kind for spelling, kind in self._long[int(words[place])] if data.startswith(spelling, at)}
        return found


def _slots(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (words * SPREAD) >> np.uint64(64 - TABLE_BITS)


def spellings(text: bytes) -> set[bytes]:
    """As it is, in hexadecimal, in base64 at each of three offsets; for text also JSON's escapes, GBK and UTF-16."""
    found = {text, text.hex().encode(), text.hex().upper().encode()}
    for offset in range(3):
        whole = base64.b64encode(b"\x00" * offset + text).rstrip(b"=")
        skip, end = (0, 2, 3)[offset], len(whole) - (1 if (offset + len(text)) % 3 else 0)
        found |= {whole[skip:end], whole[skip:end].replace(b"+", b"-").replace(b"/", b"_")}
    try:
        words = text.decode("utf-8")
    except UnicodeDecodeError:
        return found
    if not words.isascii():
        found.add(json.dumps(words)[1:-1].encode())
        found |= {words.encode("utf-16-le"), words.encode("gb18030")}
    return {spelling for spelling in found if len(spelling) >= SHORTEST}


def marks_of(scene: Scene) -> dict[str, set[bytes]]:
    """Kind -> marks. Every name and grade holds the two rare characters of its kind."""
    texts = {kind: {t.encode() for t in found} for kind, found in scene.house.marks.texts.items()}
    texts.setdefault("name", set()).add(NAME_MARK.encode())
    texts.setdefault("grade and free text", set()).add(GRADE_MARK.encode())
    return texts | {"uploaded file": {FILE_MARK}, "camera frame": {FRAME_MARK}}


def search_file(path: Path, needles: Needles, tally: Tally, name: str) -> None:
    tally.places += 1
    tail = b""
    try:
        with path.open("rb") as source:
            while chunk := source.read(CHUNK):
                tally.size += len(chunk)
                window = tail + chunk
                if window.strip(b"\x00"):
                    tally.hits += [f"{name}: {kind}" for kind in sorted(needles.kinds_in(window))]
                tail = window[-needles.longest :]
    except FileNotFoundError:  # PostgreSQL removes files while it runs
        return


def search_folder(folder: Path, needles: Needles) -> Tally:
    tally = Tally()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
        search_file(path, needles, tally, str(path.relative_to(folder)))
    return tally


def search_tables(stack: Stack, needles: Needles) -> Tally:
    """Every column of every table, as bytes; ``size`` counts rows."""
    tally = Tally()
    with stack.owner() as connection:
        names = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in names:
            tally.places += 1
            cursor = connection.execute(sql.SQL("select * from {}").format(sql.Identifier(schema, table)))
            rows = cursor.fetchall()
            tally.size += len(rows)
            for number, column in enumerate(cursor.description or ()):
                values = b"\x00".join(as_bytes(row[number]) for row in rows)
                tally.hits += [f"{table}.{column.name}: {kind}" for kind in sorted(needles.kinds_in(values))]
    return tally


def as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str).encode()
    return str(value).encode()


def search_redis(stack: Stack, needles: Needles) -> Tally:
    tally, store = Tally(), stack.redis()
    for key in list(store.scan_iter(count=500)):
        tally.places += 1
        value = store.dump(key) or b""
        # small values are stored as they are; the dump is the wire form of all others
        plain = store.get(key) if store.type(key) == b"string" else b""
        tally.size += len(value)
        for part in (key, value, plain):
            tally.hits += [f"{key[:24]!r}: {kind}" for kind in sorted(needles.kinds_in(as_bytes(part)))]
    store.close()
    return tally


def places(stack: Stack, needles: Needles) -> dict[str, Tally]:
    return {
        "日志 logs": search_folder(stack.folder / "log", needles),
        "数据目录 data folder": search_folder(stack.data, needles),
        "临时目录 temporary": search_folder(stack.folder / "tmp", needles),
        "数据库各列 table columns": search_tables(stack, needles),
        "Redis": search_redis(stack, needles),
    }


def prove_eyes(stack: Stack, marks: dict[str, set[bytes]]) -> int:
    """Plant one fresh mark of every kind in every kind of place; the scanner must see each. Gives how many."""
    fresh = {kind: _fresh_like(next(iter(texts))) for kind, texts in marks.items()}
    needles = Needles({kind: {mark} for kind, mark in fresh.items()})
    spoiled = [stack.folder / name / PLANT for name in ("log", "tmp")] + [stack.data / "files" / PLANT]
    store = stack.redis()
    try:
        for file in spoiled:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"\x00" * 100 + b" | ".join(fresh.values()))
        with stack.owner() as connection:
            _plant_rows(connection, fresh)
        store.set(PLANT, b" | ".join(fresh.values()))
        for place, tally in places(stack, needles).items():
            seen = {hit.rpartition(": ")[2] for hit in tally.hits}
            check(seen == set(fresh), f"the scanner is blind in {place}: planted {len(fresh)}, saw {len(seen)}")
        return len(fresh) * 5
    finally:
        for file in spoiled:
            file.unlink(missing_ok=True)
        store.delete(PLANT)
        store.close()
        with stack.owner() as connection:
            connection.execute(f"drop table if exists {PLANT}")


def _plant_rows(connection: Any, fresh: dict[str, bytes]) -> None:
    """By turns as text, as JSON and as bytes. The table goes again; the marks are random, so its traces harm nobody."""
    connection.execute(f"create table {PLANT} (t text, j jsonb, b bytea)")
    for number, mark in enumerate(fresh.values()):
        text = mark.decode()
        values = [text, None, None], [None, json.dumps({"seen": [text]}), None], [None, None, mark]
        connection.execute(f"insert into {PLANT} values (%s, %s, %s)", values[number % 3])


def _fresh_like(mark: bytes) -> bytes:
    """Another mark of the same sort: random, and in Chinese where the mark is."""
    digits = secrets.token_hex(8)
    return digits.encode() if mark.isascii() else ("鸑" + "".join(chr(0x9F00 + int(d, 16)) for d in digits)).encode()


def search(scene: Scene) -> Iterator[str]:
    """The canary's report. Raises StepFailed naming every place where a mark stands."""
    stack, marks = scene.stack, marks_of(scene)
    planted = prove_eyes(stack, marks)
    yield f"先自证：{len(marks)} 类标记 × 5 处，植入 {planted} 个，全部发现"
    needles = Needles(marks)
    found = places(stack, needles)
    for place, tally in found.items():
        unit = "行" if "columns" in place else "字节"
        yield f"{place}：{tally.places} 处，{tally.size:,} {unit}，命中 {len(tally.hits)}"
    count = sum(map(len, marks.values()))
    yield f"标记 {count} 个（{'、'.join(sorted(marks))}），写法 {needles.count} 种"
    hits = [f"{place} {hit}" for place, tally in found.items() for hit in tally.hits]
    check(not hits, "marks stand in the clear:\n" + "\n".join(f"        {h}" for h in hits[:40]))


__all__ = ["search"]
