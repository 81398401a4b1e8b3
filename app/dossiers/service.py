"""Reading dossiers. Masking is decided here once, by actor; every opening is recorded in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Purpose, Role
from app.db import Database
from app.dossiers import catalogue, material_versions, rules, shaping
from app.dossiers.models import Dossier, Material, MaterialVersion, Record, RecordVersion
from app.dossiers.places import body_place, file_place, photo_name_place, photo_place
from app.dossiers.purposes import PurposeLedger
from app.dossiers.rules import DossierState, Section, Zone
from app.dossiers.views import (
    CatalogueView,
    FileView,
    MaterialHistory,
    MaterialView,
    RecordView,
    SectionView,
)
from app.envelope import DataKey, open_bytes, open_json
from app.errors import Forbidden, NotFound, StepUpRequired
from app.events import EventLog, EventView
from app.file_ports import FileStore
from app.keyring import Keyring
from app.ports import Clock

CONTENT_ROLES = (Role.ARCHIVIST, Role.REVIEWER)
CATALOGUE_ROLES = (Role.ARCHIVIST, Role.REVIEWER, Role.DISPATCHER)
ACCESS_TYPES = (
    "dossier.catalogue_read",
    "dossier.section_read",
    "dossier.record_read",
    "dossier.material_read",
    "dossier.file_read",
    "dossier.completeness_read",
    "dossier.catalogue_printed_read",
    "dossier.check_read",
    "dossier.check_report_read",
    "dossier.packaged",
    "electronic.fetched",
    "graduate.searched",
    # a ticket's page shows the record as it stands, and proofs are personal papers
    "ticket.read",
    "evidence.read",
    "supplement.read",
    "chat.read",
    "notices.read",
)


class DossierService:
    """Staff readings of content need an open purpose (PurposeLedger), or one named by the procedure they are part of;
    without one they raise Forbidden('purpose_required'). It stands in the event, so the graduate sees why.
    """

    def __init__(
        self, db: Database, keys: Keyring, files: FileStore, log: EventLog, clock: Clock, purposes: PurposeLedger
    ) -> None:
        self._db, self._keys, self._files, self._log, self._clock = db, keys, files, log, clock
        self._purposes = purposes

    # --- public -----------------------------------------------------------------------------------------------------

    def dossier_id_of(self, graduate_id: UUID) -> UUID:
        with self._db.transaction() as session:
            found = session.scalar(select(Dossier.id).where(Dossier.graduate_id == graduate_id))
        if found is None:
            raise NotFound("dossier_not_found")
        return found

    def state_of(self, graduate_id: UUID) -> DossierState:
        with self._db.transaction() as session:
            found = session.scalar(select(Dossier.state).where(Dossier.graduate_id == graduate_id))
        if found is None:
            raise NotFound("dossier_not_found")
        return found

    def catalogue(self, actor: Actor, dossier_id: UUID | None = None) -> CatalogueView:
        """Every item by title, hidden ones with the reason. A graduate gets their own (``dossier_id`` may be None).

        Raises NotFound for somebody else's dossier, Forbidden for staff without a reading role.
        """
        # a graduate's owner is known, and the query below finds their own dossier or nothing
        own = actor.kind is ActorKind.GRADUATE
        owner = actor.id if own else self._owner(actor, CATALOGUE_ROLES, dossier_id)
        key = self._keys.of(owner)
        with self._db.transaction() as session:
            found = catalogue.read(session, owner, dossier_id)
            self._log.record(
                session, actor, "dossier.catalogue_read", graduate_id=owner, object_kind="dossier", object_id=found.id
            )
        return catalogue.view(found, key, own=own)

    def section_by_name(
        self, actor: Actor, name: str, dossier_id: UUID | None = None, *, purpose: str = ""
    ) -> SectionView:
        """Raises NotFound for a name that is no section."""
        if name not in {s.value for s in Section}:
            raise NotFound("section_not_found")
        return self.section(actor, Section(name), dossier_id, purpose=purpose)

    def section(
        self, actor: Actor, section: Section, dossier_id: UUID | None = None, *, purpose: str = ""
    ) -> SectionView:
        """All records of one section with their content. Zone A needs a fresh step-up of the graduate."""
        owner = self._owner(actor, CONTENT_ROLES, dossier_id)
        rule = rules.section_zone(section)
        shown = self._content_open(actor, rule.zone)
        key = self._keys.of(owner)
        with self._db.transaction() as session:
            why = self._why(session, actor, owner, purpose)
            dossier = session.scalars(select(Dossier).where(Dossier.graduate_id == owner)).one()
            records: list[RecordView] = []
            if shown:
                rows = session.execute(
                    select(Record, RecordVersion)
                    .join(
                        RecordVersion, (RecordVersion.record_id == Record.id) & (RecordVersion.number == Record.current)
                    )
                    .where(Record.dossier_id == dossier.id, Record.section == section)
                    .order_by(Record.position)
                ).all()
                # a record may be filed under a stricter zone than its section
                records = [
                    shaping.record_view(r, owner, open_json(key, body_place(v), v.sealed_body))
                    for r, v in rows
                    if self._content_open(actor, r.zone)
                ]
            self._log.record(
                session,
                actor,
                "dossier.section_read",
                graduate_id=owner,
                object_kind="dossier",
                object_id=dossier.id,
                data={"section": section.value, "shown": shown, **why},
            )
        label = rules.SECTIONS[section].label
        return SectionView(section, label, rule.zone, None if shown else shaping.hidden(rule), tuple(records))

    def record(self, actor: Actor, record_id: UUID, *, purpose: str = "") -> RecordView:
        """One record with all its versions, oldest first."""
        owner = self._owner_of_record(actor, record_id)
        key = self._keys.of(owner)
        with self._db.transaction() as session:
            why = self._why(session, actor, owner, purpose)
            row = session.get_one(Record, record_id)
            if not self._content_open(actor, row.zone):
                raise NotFound("record_not_shown", extra={"hidden": shaping.as_dict(rules.zone_rule(row.zone_rule))})
            versions = session.scalars(
                select(RecordVersion).where(RecordVersion.record_id == record_id).order_by(RecordVersion.number)
            ).all()
            views = shaping.version_views(key, versions)
            self._log.record(
                session,
                actor,
                "dossier.record_read",
                graduate_id=owner,
                object_kind="record",
                object_id=record_id,
                data=why,
            )
        body = next(v.body for v in views if v.number == row.current)
        return shaping.record_view(row, owner, body, tuple(views))

    def material(self, actor: Actor, material_id: UUID, *, purpose: str = "") -> MaterialView:
        owner = self._owner_of_material(actor, material_id)
        key = self._keys.of(owner)
        with self._db.transaction() as session:
            why = self._why(session, actor, owner, purpose)
            row, version = self._material_row(session, material_id)
            self._log.record(
                session,
                actor,
                "dossier.material_read",
                graduate_id=owner,
                object_kind="material",
                object_id=material_id,
                data=why,
            )
            return shaping.material_view(actor, row, version, key)

    def material_file(self, actor: Actor, material_id: UUID, *, purpose: str = "") -> FileView:
        """The content, decrypted in memory. Zone A only for graduates; NotFound where there is no file."""
        owner = self._owner_of_material(actor, material_id)
        key = self._keys.of(owner)
        with self._db.transaction() as session:
            why = self._why(session, actor, owner, purpose)
            row, version = self._material_row(session, material_id)
            if not self._content_open(actor, row.zone) or version.file_name is None:
                raise NotFound("material_file_not_shown")
            self._log.record(
                session,
                actor,
                "dossier.file_read",
                graduate_id=owner,
                object_kind="material",
                object_id=material_id,
                data=why,
            )
        sealed = self._files.get(version.file_name)
        suffix = (version.media_type or "application/octet-stream").rsplit("/", 1)[-1]
        name = f"material-{row.class_code}-{row.sequence}.{suffix}"
        return FileView(
            name, version.media_type or "application/octet-stream", open_bytes(key, file_place(version), sealed)
        )

    def material_history(self, actor: Actor, material_id: UUID, *, purpose: str = "") -> MaterialHistory:
        """A material with every version and what was measured of each; for staff with a content role."""
        owner = self._owner_of_material(actor, material_id)
        if actor.kind is not ActorKind.STAFF:
            raise Forbidden("role_required")
        key = self._keys.of(owner)
        with self._db.transaction() as session:
            why = self._why(session, actor, owner, purpose)
            row, version = self._material_row(session, material_id)
            self._log.record(
                session,
                actor,
                "dossier.material_read",
                graduate_id=owner,
                object_kind="material",
                object_id=material_id,
                data=why,
            )
            versions = material_versions.versions(session, key, material_id)
            return MaterialHistory(shaping.material_view(actor, row, version, key), owner, versions)

    def material_preview(self, actor: Actor, material_id: UUID, number: int, *, purpose: str = "") -> bytes:
        """The first page of a version as a small JPEG, for staff; recorded like an opening of the file."""
        version, key = self._version_for_staff(actor, material_id, number, "preview", purpose)
        return material_versions.preview(self._files, key, version)

    def material_version_file(self, actor: Actor, material_id: UUID, number: int, *, purpose: str = "") -> FileView:
        """The content of any version, for staff. NotFound where that version has none."""
        version, key = self._version_for_staff(actor, material_id, number, "file", purpose)
        if version.file_name is None:
            raise NotFound("material_file_not_shown")
        media_type = version.media_type or "application/octet-stream"
        name = f"material-v{number}.{media_type.rsplit('/', 1)[-1]}"
        return FileView(name, media_type, open_bytes(key, file_place(version), self._files.get(version.file_name)))

    def reference_photo(self, graduate_id: UUID) -> bytes | None:
        """The registrar's ID photo for the face worker; None where the dossier holds none."""
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            dossier = session.scalar(select(Dossier).where(Dossier.graduate_id == graduate_id))
        if dossier is None or dossier.sealed_photo_name is None:
            return None
        name = open_json(key, photo_name_place(dossier), dossier.sealed_photo_name)["name"]
        return open_bytes(key, photo_place(dossier), self._files.get(name))

    def access_log(self, actor: Actor, *, before: int | None, limit: int) -> list[EventView]:
        """Every opening of the graduate's own file, by anybody, newest first."""
        if actor.kind is not ActorKind.GRADUATE:
            raise Forbidden("role_required")
        with self._db.transaction() as session:
            return self._log.of_graduate(session, actor.id, types=ACCESS_TYPES, before=before, limit=limit)

    # --- who may --------------------------------------------------------------------------------------------------

    def _why(self, session: Session, actor: Actor, owner: UUID, purpose: str) -> dict[str, str]:
        """What the event says of the purpose. Graduates read their own and give none."""
        if actor.kind is not ActorKind.STAFF:
            return {}
        code = purpose or self._purposes.open_purpose(session, actor.id, owner)
        if code is None:
            raise Forbidden("purpose_required", extra={"graduate_id": str(owner)})
        return {"purpose": code}

    def _owner(self, actor: Actor, roles: Iterable[Role], dossier_id: UUID | None) -> UUID:
        """The graduate whose dossier this actor may read. Foreign and absent are the same NotFound."""
        if actor.kind is ActorKind.STAFF and not actor.has_role(*roles):
            raise Forbidden("role_required")
        with self._db.transaction() as session:
            query = select(Dossier.graduate_id)
            if actor.kind is ActorKind.GRADUATE:
                query = query.where(Dossier.graduate_id == actor.id)
            elif actor.kind is not ActorKind.STAFF or dossier_id is None:
                raise Forbidden("role_required")
            if dossier_id is not None:
                query = query.where(Dossier.id == dossier_id)
            owner = session.scalar(query)
        if owner is None:
            raise NotFound("dossier_not_found")
        return owner

    def _owner_of_record(self, actor: Actor, record_id: UUID) -> UUID:
        with self._db.transaction() as session:
            dossier_id = session.scalar(select(Record.dossier_id).where(Record.id == record_id))
        if dossier_id is None:
            raise NotFound("record_not_found")
        try:
            return self._owner(actor, CONTENT_ROLES, dossier_id)
        except NotFound:
            raise NotFound("record_not_found") from None

    def _owner_of_material(self, actor: Actor, material_id: UUID) -> UUID:
        with self._db.transaction() as session:
            dossier_id = session.scalar(select(Material.dossier_id).where(Material.id == material_id))
        if dossier_id is None:
            raise NotFound("material_not_found")
        try:
            return self._owner(actor, CONTENT_ROLES, dossier_id)
        except NotFound:
            raise NotFound("material_not_found") from None

    def _version_for_staff(
        self, actor: Actor, material_id: UUID, number: int, part: str, purpose: str
    ) -> tuple[MaterialVersion, DataKey]:
        owner = self._owner_of_material(actor, material_id)
        if actor.kind is not ActorKind.STAFF:
            raise Forbidden("role_required")
        key = self._keys.of(owner)
        with self._db.transaction() as session:
            why = self._why(session, actor, owner, purpose)
            version = material_versions.numbered(session, material_id, number)
            if (version.file_name if part == "file" else version.preview_name) is None:
                raise NotFound("material_file_not_shown")
            self._log.record(
                session,
                actor,
                "dossier.file_read",
                graduate_id=owner,
                object_kind="material",
                object_id=material_id,
                data={"version": number, "part": part, **why},
            )
        return version, key

    def _content_open(self, actor: Actor, zone: Zone) -> bool:
        """Staff with a content role read all zones. A graduate reads zone A, and only with a fresh step-up."""
        if actor.kind is ActorKind.STAFF:
            return True
        if zone is not Zone.A:
            return False
        if not actor.stepped_up_for(Purpose.VIEW_DOSSIER, self._clock.now()):
            raise StepUpRequired(extra={"purpose": Purpose.VIEW_DOSSIER.value, "required_level": 3})
        return True

    # --- building views -------------------------------------------------------------------------------------------

    @staticmethod
    def _material_row(session: Session, material_id: UUID) -> tuple[Material, MaterialVersion]:
        row = session.execute(
            select(Material, MaterialVersion)
            .join(
                MaterialVersion,
                (MaterialVersion.material_id == Material.id) & (MaterialVersion.number == Material.current),
            )
            .where(Material.id == material_id)
        ).one()
        return row[0], row[1]
