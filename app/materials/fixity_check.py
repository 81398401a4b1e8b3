"""Verifying rows: the tag of every sealed cell, every stored file, and contents against the digests filed with them.

Nothing here writes to the database. A file whose copy in the replica proves sound is put back by ``mend``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.dossiers.rows import digests
from app.envelope import HOUSE, DataKey, Place, open_bytes, open_json
from app.errors import NotFound, Tampered
from app.file_ports import FileStore, ReplicaStore
from app.materials.fixity_scope import Kept, Sealed
from app.materials.rules import FILE_DAMAGE, Damage

PHOTO_PART, REPLICA_PART = "photo", "replica:"
_READ = frozenset({"sealed_facts", "sealed_photo_name"})
"""Cells whose content leads on to a file."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file to be verified. ``digests`` are those filed with it, empty where none were."""

    part: str
    name: str
    place: Place
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that did not verify; ``file`` where it is a stored file, which another copy may mend.

    ``in_replica``: the replica's copy is the bad one.
    """

    row: UUID
    part: str
    damage: Damage
    owner: UUID
    file: StoredFile | None = None
    in_replica: bool = False


@dataclass(slots=True)
class Verified:
    """What a slice came to. ``erased`` rows have no key any more, by the owner's right: not damage."""

    cells: int = 0
    files: int = 0
    erased: int = 0
    wrong: list[Wrong] = field(default_factory=list)


def verify(
    sealed: Sealed,
    rows: Sequence[Kept],
    key_of: Callable[[UUID], DataKey | None],
    files: FileStore,
    replica: ReplicaStore | None,
) -> Verified:
    """Opens everything in memory. ``key_of`` gives None for an erased owner and raises Tampered.

    Raises Unavailable when the store does not answer: silence is no damage.
    """
    done = Verified()
    for row in rows:
        if row.owner is None:
            # its parents are gone or were re-hung: nobody can open it
            done.wrong.append(Wrong(row.id, "owner", Damage.UNREADABLE, HOUSE))
            continue
        try:
            key = key_of(row.owner)
        except Tampered:
            # told once, where the key itself is kept, and not for every value under it
            if sealed.table == "data_key":
                done.wrong.append(Wrong(row.id, "key", Damage.UNREADABLE, row.owner))
            continue
        if key is None:
            done.erased += 1
            continue
        _verify_cells(sealed, row, key, files, replica, done)
    return done


def _verify_cells(
    sealed: Sealed, row: Kept, key: DataKey, files: FileStore, replica: ReplicaStore | None, done: Verified
) -> None:
    opened: dict[str, dict[str, object]] = {}
    for column, cell in row.cells.items():
        if cell is None:
            continue
        done.cells += 1
        try:
            place = Place(sealed.table, column, row.id, row.version)
            if column in _READ:
                opened[column] = open_json(key, place, cell)
            else:
                open_bytes(key, place, cell)
        except Tampered:
            done.wrong.append(Wrong(row.id, column, Damage.CELL, key.owner))
    for stored in _stored(sealed, row, opened):
        done.files += 1
        damage = file_damage(stored, key, files.get)
        if damage is not None:
            done.wrong.append(Wrong(row.id, stored.part, damage, key.owner, stored))
        elif replica is not None and (damage := file_damage(stored, key, replica.replica_get)) is not None:
            part = f"{REPLICA_PART}{stored.part}"
            done.wrong.append(Wrong(row.id, part, damage, key.owner, stored, in_replica=True))


def _stored(sealed: Sealed, row: Kept, opened: Mapping[str, Mapping[str, object]]) -> list[StoredFile]:
    """The files of a row: those its columns name, and the photo, whose name is itself sealed."""
    facts = opened.get("sealed_facts", {}) if sealed.facts else {}
    filed = {k: str(facts[k]) for k in ("sha256", "sm3") if k in facts}
    found = [
        StoredFile(part, name, Place(sealed.table, part, row.id, row.version), filed if part == "file" else {})
        for part, name in row.names.items()
        if name is not None
    ]
    photo = opened.get("sealed_photo_name") if sealed.photo else None
    if photo is not None:
        found.append(StoredFile(PHOTO_PART, str(photo["name"]), Place(sealed.table, PHOTO_PART, row.id)))
    return found


def file_damage(stored: StoredFile, key: DataKey, get: Callable[[str], bytes]) -> Damage | None:
    """What is wrong with a copy, or None. Raises Unavailable."""
    try:
        content = open_bytes(key, stored.place, get(stored.name))
    except NotFound:
        return Damage.MISSING
    except Tampered:
        return Damage.FILE
    actual = digests(content) if stored.digests else {}
    return Damage.DIGEST if any(actual[k] != v for k, v in stored.digests.items()) else None


def mend(wrong: Wrong, key: DataKey, files: FileStore, replica: ReplicaStore | None) -> bool:
    """Put the sound copy in the damaged one's place. Nothing is replaced by what does not itself verify.

    Raises Unavailable.
    """
    if replica is None or wrong.file is None or wrong.damage not in FILE_DAMAGE:
        return False
    good, bad = (files.get, replica.replica_get) if wrong.in_replica else (replica.replica_get, files.get)
    if file_damage(wrong.file, key, good) is not None:
        return False
    put = replica.repair_replica if wrong.in_replica else replica.repair
    put(wrong.file.name, good(wrong.file.name))
    return file_damage(wrong.file, key, bad) is None
