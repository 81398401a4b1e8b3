"""Writing to dossiers: filing a graduate's dossier, adding materials, and new versions by correction.

Nothing is overwritten: a change is a new version row, and the one before stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Base, Database, new_id
from app.dossiers import rules
from app.dossiers.incoming import CARD_FIELDS, FieldChange, NewDossier, NewMaterial, normal_value, value_fault
from app.dossiers.indexing import Unit, UnitIndex
from app.dossiers.materials import MaterialFiling, require_open, store_document, store_sealed
from app.dossiers.models import Dossier, Material, MaterialVersion, Record, RecordVersion
from app.dossiers.places import body_place, photo_name_place, photo_place
from app.dossiers.rows import material_rows, record_rows, record_version
from app.dossiers.rules import DossierState, Section, Source
from app.dossiers.shaping import changed_fields
from app.dossiers.units import UnitOwner, units_of
from app.envelope import BlindIndex, DataKey, open_json, seal_bytes, seal_json
from app.errors import Conflict, DomainError, FieldFault, Invalid, NotFound, VersionMismatch
from app.events import EventLog
from app.file_ports import FileStore
from app.keyring import Keyring
from app.office_time import office_date
from app.people.models import Graduate
from app.people.service import PeopleService
from app.ports import Clock


class FilingService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        index: BlindIndex,
        people: PeopleService,
        files: FileStore,
        log: EventLog,
        clock: Clock,
        indexes: Sequence[UnitIndex] = (),
    ) -> None:
        self._db, self._keys, self._index, self._people = db, keys, index, people
        self._files, self._log, self._clock, self._indexes = files, log, clock, indexes
        self.materials = MaterialFiling(db, keys, index, files, log, clock, indexes)

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
            name = store_sealed(self._files, seal_bytes(key, photo_place(dossier), new.photo))
            dossier.sealed_photo_name = seal_json(key, photo_name_place(dossier), {"name": name})
        now = self._clock.now()
        rows: list[Base] = []
        units: list[Unit] = []
        owner = UnitOwner.of(graduate)
        for section, bodies in new.records.items():
            for body, pair in zip(bodies, record_rows(dossier.id, key, section, bodies, now), strict=True):
                rows += pair
                units.append(owner.record(pair[0].id, section, pair[0].zone, body))
        for filed, unit in self._materials(dossier.id, key, new.materials, owner):
            rows += filed
            units.append(unit)
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
            for index in self._indexes:
                index.add(session, units)
            self._log.record(
                session, actor, "dossier.filed", graduate_id=graduate.id, object_kind="dossier", object_id=dossier.id
            )
        return graduate.id

    def add_material(
        self, actor: Actor, graduate_id: UUID, material: NewMaterial, *, source: Source = Source.STAFF
    ) -> UUID:
        """A later material, at the end of its class. Raises Conflict('dossier_sealed')."""
        prepared = self.materials.prepare(graduate_id, material)
        try:
            with self._db.transaction() as session:
                return self.materials.add(session, actor, prepared, source=source)
        except DomainError:
            self.materials.discard(prepared)
            raise

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
        handed_over: bool = False,
    ) -> int:
        """A new version on top of ``base_version``, in the ticket's transaction; gives its number.

        ``handed_over``: also in a dossier that was transferred, because the caller sends a supplement after it.

        Raises VersionMismatch if the record moved on, Conflict('dossier_sealed'), Invalid by field.
        """
        record, version = self._current(session, key.owner, record_id, lock=True)
        dossier = session.get_one(Dossier, record.dossier_id, with_for_update=True)
        require_open(dossier, handed_over=handed_over)
        if record.current != base_version:
            raise VersionMismatch("record_changed", extra={"current_version": record.current})
        before = open_json(key, body_place(version), version.sealed_body)
        today = office_date(self._clock.now())
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
        now = self._clock.now()
        new = record_version(record.id, key, base_version + 1, body, Source.CORRECTION, ticket_id, now)
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
        self._reindex(session, key, record, body, all_units=bool(card.keys() & {"college", "major"}))
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

    def _materials(
        self, dossier_id: UUID, key: DataKey, materials: Sequence[NewMaterial], owner: UnitOwner
    ) -> Iterator[tuple[tuple[Material, MaterialVersion], Unit]]:
        """First versions, numbered by class, with their files stored; each beside what it is found by."""
        sequences: dict[str, int] = {}
        for material in materials:
            sequences[material.class_code] = sequences.get(material.class_code, 0) + 1
            ids = (new_id(), new_id())
            filed = material_rows(
                dossier_id,
                key,
                material,
                sequences[material.class_code],
                Source.IMPORT,
                None,
                self._clock.now(),
                ids=ids,
                stored=store_document(self._files, self._index, key, material, ids[1]),
            )
            yield filed, owner.material(filed[0], material.title, material.formed_on)

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

    def _reindex(
        self, session: Session, key: DataKey, record: Record, body: Mapping[str, str], *, all_units: bool
    ) -> None:
        """``all_units``: a facet that every unit of the graduate is found by has changed."""
        if not self._indexes:
            return
        session.flush()
        owner = UnitOwner.of(session.get_one(Graduate, key.owner))
        changed = units_of(session, key) if all_units else [owner.record(record.id, record.section, record.zone, body)]
        for index in self._indexes:
            for unit in changed:
                index.replace(session, unit)

    def _current(
        self, session: Session, graduate_id: UUID, record_id: UUID, *, lock: bool = False
    ) -> tuple[Record, RecordVersion]:
        query = (
            select(Record, RecordVersion)
            .join(Dossier, Dossier.id == Record.dossier_id)
            .join(RecordVersion, (RecordVersion.record_id == Record.id) & (RecordVersion.number == Record.current))
            .where(Record.id == record_id, Dossier.graduate_id == graduate_id)
        )
        if lock:
            # first the lock alone: a version joined before it was granted may no longer be the current one
            session.execute(select(Record.id).where(Record.id == record_id).with_for_update())
        found = session.execute(query.execution_options(populate_existing=True) if lock else query).one_or_none()
        if found is None:
            raise NotFound("record_not_found")
        return found.Record, found.RecordVersion
