"""Writing to dossiers: filing a graduate's dossier, adding materials, and new versions by correction.

Nothing is overwritten: a change is a new version row, and the one before stays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database, new_id
from app.dossiers import rules
from app.dossiers.models import Dossier, Material, MaterialVersion, Record, RecordVersion
from app.dossiers.rules import DossierState, Section, Source
from app.dossiers.service import about_place, body_place, changed_fields, file_place, photo_name_place, photo_place
from app.envelope import DataKey, open_json, seal_bytes, seal_json
from app.errors import Conflict, FieldFault, Invalid, NotFound, VersionMismatch
from app.events import EventLog
from app.keyring import Keyring
from app.people import rules as people_rules
from app.people.service import Card, PeopleService
from app.ports import CleanDocument, Clock, FileStore

CARD_FIELDS = {
    (Section.IDENTITY, "name"): "name",
    (Section.IDENTITY, "id_number"): "id_number",
    (Section.IDENTITY, "phone"): "phone",
    (Section.ENROLMENT, "student_number"): "student_number",
    (Section.ENROLMENT, "college"): "college",
    (Section.ENROLMENT, "major"): "major",
}
"""Record fields an account is verified against: when one is corrected, the card follows."""


_NORMAL: Mapping[str, Callable[[str], str]] = {
    "name": people_rules.normalise_name,
    "id_number": people_rules.normalise_id_number,
    "phone": people_rules.normalise_phone,
    "student_number": people_rules.normalise_student_number,
}


def normal_value(section: Section, name: str, value: str) -> str:
    """What a card field is stored and looked up as; other fields unchanged."""
    card_field = CARD_FIELDS.get((section, name))
    return _NORMAL[card_field](value) if card_field is not None else value


def value_fault(section: Section, name: str, value: str, today: date) -> str | None:
    """Why a normal-form value cannot stand on a card; None for other fields and where it can."""
    card_field = CARD_FIELDS.get((section, name))
    if card_field is None or not value:
        return None
    if card_field == "id_number":
        return people_rules.id_number_fault(value, today)
    check = {
        "name": people_rules.name_fault,
        "phone": people_rules.phone_fault,
        "student_number": people_rules.student_number_fault,
    }[card_field]
    return check(value)


@dataclass(frozen=True, slots=True)
class NewMaterial:
    class_code: str
    kind: str
    title: str = field(repr=False)
    formed_on: str | None = None
    pages: int | None = None
    remark: str | None = field(default=None, repr=False)
    document: CleanDocument | None = None


@dataclass(frozen=True, slots=True)
class NewDossier:
    """One graduate as an import brings it. ``records`` per section in order; ``photo`` a cleaned JPEG."""

    card: Card
    cohort_year: int
    college: str
    major: str
    degree_level: str
    records: Mapping[Section, Sequence[Mapping[str, str]]] = field(repr=False)
    materials: Sequence[NewMaterial] = ()
    photo: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A corrected record field, old value and new."""

    name: str
    new_value: str = field(repr=False)


class FilingService:
    def __init__(
        self, db: Database, keys: Keyring, people: PeopleService, files: FileStore, log: EventLog, clock: Clock
    ) -> None:
        self._db, self._keys, self._people = db, keys, people
        self._files, self._log, self._clock = files, log, clock

    def file_dossier(self, actor: Actor, new: NewDossier) -> UUID:
        """Add one graduate with dossier, records, materials and photo: all of it or nothing.

        Raises Invalid naming the fields, Conflict('student_exists').
        """
        self._check(new)
        with self._db.transaction() as session:
            # asked before any file is stored, and again below against a race
            if self._people.student_exists(session, new.card.student_number):
                raise Conflict("student_exists")
        graduate, key, wrapped = self._people.prepare_graduate(
            new.card, cohort_year=new.cohort_year, college=new.college, major=new.major, level=new.degree_level
        )
        dossier = Dossier(
            id=new_id(), graduate_id=graduate.id, state=DossierState.OPEN, version=1, created_at=self._clock.now()
        )
        # files first, under random names: a crash leaves an unreadable orphan, never a row without its file
        if new.photo is not None:
            name = self._store(seal_bytes(key, photo_place(dossier), new.photo))
            dossier.sealed_photo_name = seal_json(key, photo_name_place(dossier), {"name": name})
        rows = [row for section, bodies in new.records.items() for row in self._records(dossier, key, section, bodies)]
        sequences: dict[str, int] = {}
        for material in new.materials:
            sequences[material.class_code] = sequences.get(material.class_code, 0) + 1
            rows += self._material(dossier.id, key, material, sequences[material.class_code], Source.IMPORT, None)
        with self._db.transaction() as session:
            if self._people.student_exists(session, new.card.student_number):
                raise Conflict("student_exists")
            try:
                for group in ((wrapped, graduate), (dossier,), rows):
                    session.add_all(group)
                    session.flush()
            except IntegrityError:
                # two imports at once: the unique blind index decides, whoever races
                raise Conflict("student_exists") from None
            self._log.record(
                session, actor, "dossier.filed", graduate_id=graduate.id, object_kind="dossier", object_id=dossier.id
            )
        return graduate.id

    def add_material(
        self, actor: Actor, graduate_id: UUID, material: NewMaterial, *, source: Source = Source.STAFF
    ) -> UUID:
        """A later material, at the end of its class. Raises Conflict('dossier_sealed')."""
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            dossier_id = session.scalars(select(Dossier.id).where(Dossier.graduate_id == graduate_id)).one()
        material_id, version_id = new_id(), new_id()
        sealed = self._store_document(key, material, version_id)
        with self._db.transaction() as session:
            dossier = session.scalars(select(Dossier).where(Dossier.id == dossier_id).with_for_update()).one()
            self._require_open(dossier)
            last = session.scalar(
                select(func.max(Material.sequence)).where(
                    Material.dossier_id == dossier_id, Material.class_code == material.class_code
                )
            )
            rows = self._material(
                dossier_id, key, material, (last or 0) + 1, source, None, ids=(material_id, version_id), stored=sealed
            )
            session.add_all(rows)
            dossier.version += 1
            self._log.record(
                session,
                actor,
                "dossier.material_added",
                graduate_id=graduate_id,
                object_kind="material",
                object_id=material_id,
            )
        return material_id

    def current_body(self, graduate_id: UUID, record_id: UUID) -> tuple[Section, int, dict[str, str]]:
        """(section, current version, body) for a service that is about to propose a change. Raises NotFound."""
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            record, version = self._current(session, graduate_id, record_id)
            return record.section, record.current, open_json(key, body_place(version), version.sealed_body)

    def apply_correction(
        self,
        session: Session,
        actor: Actor,
        key: DataKey,
        record_id: UUID,
        *,
        base_version: int,
        changes: Sequence[FieldChange],
        ticket_id: UUID,
    ) -> int:
        """A new version on top of ``base_version``, in the ticket's transaction; gives its number.

        Raises VersionMismatch if the record moved on, Conflict('dossier_sealed'), Invalid by field.
        """
        record, version = self._current(session, key.owner, record_id, lock=True)
        dossier = session.get_one(Dossier, record.dossier_id, with_for_update=True)
        self._require_open(dossier)
        if record.current != base_version:
            raise VersionMismatch("record_changed", extra={"current_version": record.current})
        before = open_json(key, body_place(version), version.sealed_body)
        today = self._clock.now().date()
        values = {c.name: normal_value(record.section, c.name, c.new_value) for c in changes}
        body = {**before, **values}
        faults = [FieldFault(name, code) for name, code in rules.field_faults(record.section, body).items()]
        faults += [
            FieldFault(name, code)
            for name, value in values.items()
            if (code := value_fault(record.section, name, value, today)) is not None
        ]
        if faults:
            raise Invalid("record_invalid", faults=faults)
        new = self._version(record.id, key, base_version + 1, body, Source.CORRECTION, ticket_id)
        session.add(new)
        record.current = new.number
        dossier.version += 1
        card = {
            CARD_FIELDS[record.section, name]: value
            for name, value in values.items()
            if (record.section, name) in CARD_FIELDS
        }
        if card:
            self._people.rewrite_card(session, key, key.owner, card)
        self._log.record(
            session,
            actor,
            "dossier.record_corrected",
            graduate_id=key.owner,
            object_kind="record",
            object_id=record_id,
            data={"version": new.number, "fields": changed_fields(before, body), "ticket_id": str(ticket_id)},
        )
        return new.number

    # --- inside -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _check(new: NewDossier) -> None:
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

    @staticmethod
    def _require_open(dossier: Dossier) -> None:
        if dossier.state is not DossierState.OPEN:
            raise Conflict("dossier_sealed")

    def _current(
        self, session: Session, graduate_id: UUID, record_id: UUID, *, lock: bool = False
    ) -> tuple[Record, RecordVersion]:
        query = (
            select(Record)
            .join(Dossier, Dossier.id == Record.dossier_id)
            .where(Record.id == record_id, Dossier.graduate_id == graduate_id)
        )
        record = session.scalar(query.with_for_update(of=Record) if lock else query)
        if record is None:
            raise NotFound("record_not_found")
        version = session.scalars(
            select(RecordVersion).where(RecordVersion.record_id == record_id, RecordVersion.number == record.current)
        ).one()
        return record, version

    def _records(
        self, dossier: Dossier, key: DataKey, section: Section, bodies: Sequence[Mapping[str, str]]
    ) -> list[Record | RecordVersion | Material | MaterialVersion]:
        zone = rules.section_zone(section)
        rows: list[Record | RecordVersion | Material | MaterialVersion] = []
        for position, body in enumerate(bodies, 1):
            record = Record(
                id=new_id(),
                dossier_id=dossier.id,
                section=section,
                position=position,
                zone=zone.zone,
                zone_rule=zone.id,
                current=1,
            )
            rows += (record, self._version(record.id, key, 1, body, Source.IMPORT, None))
        return rows

    def _version(
        self,
        record_id: UUID,
        key: DataKey,
        number: int,
        body: Mapping[str, str],
        source: Source,
        source_id: UUID | None,
    ) -> RecordVersion:
        version = RecordVersion(
            id=new_id(),
            record_id=record_id,
            number=number,
            source=source,
            source_id=source_id,
            created_at=self._clock.now(),
        )
        version.sealed_body = seal_json(key, body_place(version), body)
        return version

    def _material(
        self,
        dossier_id: UUID,
        key: DataKey,
        new: NewMaterial,
        sequence: int,
        source: Source,
        source_id: UUID | None,
        *,
        ids: tuple[UUID, UUID] | None = None,
        stored: str | None = None,
    ) -> list[Record | RecordVersion | Material | MaterialVersion]:
        zone = rules.material_zone(new.class_code, new.kind)
        material_id, version_id = ids or (new_id(), new_id())
        material = Material(
            id=material_id,
            dossier_id=dossier_id,
            class_code=new.class_code,
            kind=new.kind,
            sequence=sequence,
            zone=zone.zone,
            zone_rule=zone.id,
            current=1,
        )
        version = MaterialVersion(
            id=version_id,
            material_id=material_id,
            number=1,
            file_name=stored or self._store_document(key, new, version_id),
            media_type=new.document.media_type if new.document else None,
            size=len(new.document.data) if new.document else None,
            source=source,
            source_id=source_id,
            created_at=self._clock.now(),
        )
        about = {"title": new.title, "formed_on": new.formed_on, "pages": new.pages, "remark": new.remark}
        version.sealed_about = seal_json(key, about_place(version), {k: v for k, v in about.items() if v is not None})
        return [material, version]

    def _store_document(self, key: DataKey, new: NewMaterial, version_id: UUID) -> str | None:
        if new.document is None:
            return None
        place = file_place(MaterialVersion(id=version_id, number=1))
        return self._store(seal_bytes(key, place, new.document.data))

    def _store(self, sealed: bytes) -> str:
        name = os.urandom(24).hex()
        self._files.put(name, sealed)
        return name
