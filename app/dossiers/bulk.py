"""A cohort's dossiers many at a time: the same rows as filing one by one, copied in, with one event each.

Rows are built, sealed and packed outside of any transaction and without the database, so that another process can do
it; ``write`` adds what was packed, all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy.orm import Session

from app.actors import Actor
from app.copying import pack
from app.db import Base, Database, new_ids
from app.dossiers import rules
from app.dossiers.incoming import NewDossier, NewMaterial
from app.dossiers.indexing import Unit, UnitIndex
from app.dossiers.models import Dossier, Material, MaterialVersion, Record, RecordVersion
from app.dossiers.places import photo_name_place
from app.dossiers.rows import StoredFile, material_rows
from app.dossiers.rules import DossierState, Section, Source
from app.dossiers.units import TEXT_FIELDS, UnitOwner
from app.envelope import DataKey, Place, seal_json
from app.errors import FieldFault, Invalid
from app.events import COPIED, Event, EventLog
from app.keyring import WrappedKey
from app.people.models import Graduate
from app.people.service import PeopleService
from app.ports import Clock

_ORDER: tuple[type[Base], ...] = (
    WrappedKey, Graduate, Dossier, Record, RecordVersion, Material, MaterialVersion,
)  # fmt: skip


def _columns(model: type[Base]) -> tuple[str, ...]:
    return tuple(c.name for c in model.__table__.columns)


_COLUMNS: dict[type[Base], tuple[str, ...]] = {model: _columns(model) for model in _ORDER}
_COLUMNS[Event] = COPIED
_wrapped_values, _graduate_values = itemgetter(*_COLUMNS[WrappedKey]), itemgetter(*_COLUMNS[Graduate])


@dataclass(slots=True)
class Prepared:
    """Built rows by table, ready to be copied; ``filed`` are (graduate, dossier)."""

    rows: dict[type[Base], list[tuple[Any, ...]]] = field(default_factory=lambda: {m: [] for m in _ORDER})
    filed: list[tuple[UUID, UUID]] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    ids: Iterator[UUID] = field(default_factory=new_ids)


@dataclass(frozen=True, slots=True)
class Packed:
    """What ``write`` writes: each table's rows as COPY takes them, in an order that its references allow."""

    tables: Sequence[bytes] = field(repr=False)
    units: Sequence[Unit] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Begun:
    """A graduate with ids and key, before anything that needs them is stored."""

    new: NewDossier
    graduate: Mapping[str, Any]
    key: DataKey
    wrapped: Mapping[str, Any]
    dossier_id: UUID

    @property
    def graduate_id(self) -> UUID:
        owner: UUID = self.graduate["id"]
        return owner


class BulkFiling:
    def __init__(
        self,
        db: Database,
        people: PeopleService,
        log: EventLog,
        clock: Clock,
        indexes: Sequence[UnitIndex] = (),
    ) -> None:
        self._db, self._people, self._log, self._clock, self._indexes = db, people, log, clock, indexes

    def begin(self, prepared: Prepared, new: NewDossier, indexes: tuple[bytes, bytes]) -> Begun:
        """``indexes`` of the card, as the people's room makes them. Raises Invalid naming the fields."""
        check_new(new)
        graduate, key, wrapped = self._people.prepare_values(
            new.card,
            next(prepared.ids),
            indexes,
            cohort_year=new.cohort_year,
            college=new.college,
            major=new.major,
            level=new.degree_level,
        )
        return Begun(new, graduate, key, wrapped, next(prepared.ids))

    def add(
        self,
        prepared: Prepared,
        begun: Begun,
        photo_name: str | None = None,
        materials: Sequence[tuple[NewMaterial, tuple[UUID, UUID], StoredFile | None]] = (),
    ) -> None:
        """``materials`` in the order of the file, with their ids and where their content lies already."""
        now, rows, key, dossier_id = self._clock.now(), prepared.rows, begun.key, begun.dossier_id
        sealed_name = None
        if photo_name is not None:
            place = photo_name_place(Dossier(id=dossier_id))
            sealed_name = seal_json(key, place, {"name": photo_name})
        rows[WrappedKey].append(_wrapped_values(begun.wrapped))
        rows[Graduate].append(_graduate_values(begun.graduate))
        rows[Dossier].append((dossier_id, begun.graduate_id, DossierState.OPEN.value, 1, sealed_name, now))
        owner = UnitOwner(
            begun.graduate_id, begun.new.cohort_year, begun.new.college, begun.new.major, begun.new.degree_level
        )
        for section in begun.new.records:
            self._records(prepared, begun, section, owner, now)
        sequences: dict[str, int] = {}
        for material, ids, stored in materials:
            sequence = sequences[material.class_code] = sequences.get(material.class_code, 0) + 1
            made = material_rows(dossier_id, key, material, sequence, Source.IMPORT, None, now, ids=ids, stored=stored)
            for row in made:
                rows[type(row)].append(tuple(_plain(getattr(row, c)) for c in _COLUMNS[type(row)]))
            prepared.units.append(owner.material(made[0], material.title, material.formed_on))
        prepared.filed.append((begun.graduate_id, dossier_id))

    @staticmethod
    def _records(prepared: Prepared, begun: Begun, section: Section, owner: UnitOwner, now: Any) -> None:
        """First versions of one section's records, in order; the rows of app/dossiers/rows.py as plain values."""
        zone = rules.section_zone(section)
        found_by = section in TEXT_FIELDS
        for position, body in enumerate(begun.new.records[section], 1):
            record_id, version_id = next(prepared.ids), next(prepared.ids)
            place = Place("record_version", "sealed_body", version_id, 1)
            prepared.rows[Record].append(
                (record_id, begun.dossier_id, section.value, position, zone.zone.value, zone.id, 1)
            )
            prepared.rows[RecordVersion].append(
                (version_id, record_id, 1, seal_json(begun.key, place, body), Source.IMPORT.value, None, now)
            )
            if found_by:
                prepared.units.append(owner.record(record_id, section, zone.zone, body))

    def pack(self, actor: Actor, prepared: Prepared, data: Mapping[str, Any]) -> Packed:
        """With one event for each that is filed."""
        events = self._log.copied(actor, "dossier.filed", "dossier", prepared.filed, data, prepared.ids)
        rows: Mapping[type[Base], Sequence[tuple[Any, ...]]] = {**prepared.rows, Event: events}
        return Packed([pack(_table(m), c, rows[m]) for m, c in _COLUMNS.items()], prepared.units)

    def write(self, session: Session, packed: Packed) -> None:
        """Copy everything in. Raises Conflict('taken') when a student number is somebody's by now: nothing is written
        then.
        """
        for (model, columns), rows in zip(_COLUMNS.items(), packed.tables, strict=True):
            self._db.copy_packed(session, _table(model), columns, rows)
        for index in self._indexes:
            index.add(session, packed.units)


def check_new(new: NewDossier) -> None:
    """Raises Invalid naming each field that cannot be filed."""
    faults = [
        FieldFault(f"{section.value}[{i}].{name}", code)
        for section, bodies in new.records.items()
        for i, body in enumerate(bodies)
        for name, code in rules.field_faults(section, body).items()
    ]
    faults += [
        FieldFault(f"materials[{i}].class_code", "unknown_class")
        for i, m in enumerate(new.materials)
        if m.class_code not in rules.MATERIAL_CLASSES
    ]
    if faults:
        raise Invalid("record_invalid", faults=faults)


def _table(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table


def _plain(value: Any) -> Any:
    """An enumeration by its value, as the column stores it."""
    return value.value if isinstance(value, (Section, Source, rules.Zone)) else value
