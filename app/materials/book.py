"""The book of supplements: rows, seals and views, shared by the graduate's side and the desk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.actors import Actor
from app.dossiers.rules import MATERIAL_CLASSES
from app.envelope import DataKey, open_bytes, open_json
from app.errors import Conflict, VersionMismatch
from app.events import EventLog
from app.file_ports import FileStore
from app.jobs import Announce, JobQueue
from app.materials import rules
from app.materials.models import Supplement
from app.materials.places import answer_place, facts_place, file_place, preview_place, proposal_place
from app.materials.rules import Move
from app.materials.views import SupplementLine, SupplementView
from app.ports import Clock

ANNOUNCED = frozenset({"supplement.submitted", "supplement.decided"})
"""The staff's group hears of the first, the graduate of the second."""


def number_of(row: Supplement) -> str:
    return f"BC{row.submitted_at.year}{row.serial:06d}"


class SupplementBook:
    def __init__(self, log: EventLog, queue: JobQueue, files: FileStore, clock: Clock) -> None:
        self.log, self.queue, self.files, self.clock = log, queue, files, clock

    def move(self, row: Supplement, move: Move, version: int) -> None:
        """Raises VersionMismatch('supplement_changed'), Conflict('move_not_allowed')."""
        if row.version != version:
            raise VersionMismatch("supplement_changed", extra={"current_version": row.version})
        target = rules.target(move, row.state)
        if target is None:
            raise Conflict("move_not_allowed", params={"state": rules.STATE_LABELS[row.state]})
        row.state, row.decided_at = target, self.clock.now()

    def flush(self, session: Session) -> None:
        """Turns a lost optimistic-lock race into VersionMismatch."""
        try:
            session.flush()
        except StaleDataError:
            raise VersionMismatch("supplement_changed") from None

    def record(self, session: Session, actor: Actor, row: Supplement, step: str, **data: Any) -> None:
        """Append the step and, for those somebody must hear of, the job that tells them."""
        event_id = self.log.record(
            session,
            actor,
            step,
            graduate_id=row.graduate_id,
            object_kind="supplement",
            object_id=row.id,
            data={"state": row.state.value, **data},
        )
        if step in ANNOUNCED:
            self.queue.enqueue(session, Announce(event_id))

    def content(self, key: DataKey, row: Supplement) -> bytes:
        """Raises NotFound, Tampered."""
        return open_bytes(key, file_place(row.id), self.files.get(row.file_name))

    def preview(self, key: DataKey, row: Supplement) -> bytes | None:
        if row.preview_name is None:
            return None
        return open_bytes(key, preview_place(row.id), self.files.get(row.preview_name))

    @staticmethod
    def facts(key: DataKey, row: Supplement) -> Mapping[str, Any]:
        return open_json(key, facts_place(row.id), row.sealed_facts)

    @staticmethod
    def line(row: Supplement, key: DataKey, name: str = "") -> SupplementLine:
        proposal = open_json(key, proposal_place(row.id), row.sealed_proposal)
        return SupplementLine(
            id=row.id,
            serial=row.serial,
            number=number_of(row),
            state=row.state,
            state_label=rules.STATE_LABELS[row.state],
            class_code=row.class_code,
            class_label=MATERIAL_CLASSES[row.class_code],
            kind=row.kind,
            submitted_at=row.submitted_at,
            decided_at=row.decided_at,
            version=row.version,
            graduate_id=row.graduate_id,
            title=proposal["title"],
            graduate_name=name,
        )

    def view(self, row: Supplement, key: DataKey, name: str = "", twin: str = "") -> SupplementView:
        proposal = open_json(key, proposal_place(row.id), row.sealed_proposal)
        answer = open_json(key, answer_place(row.id), row.sealed_answer) if row.sealed_answer is not None else {}
        return SupplementView(
            line=self.line(row, key, name),
            formed_on=proposal.get("formed_on"),
            statement=proposal["statement"],
            media_type=row.media_type,
            size=row.size,
            facts=self.facts(key, row),
            has_preview=row.preview_name is not None,
            reason=rules.RETURN_REASONS[row.reason_code] if row.reason_code else None,
            answer=answer.get("words"),
            material_id=row.material_id,
            decided_by=row.decided_by,
            twin=twin,
        )


def owner_filter(actor: Actor, supplement_id: UUID) -> tuple[Any, ...]:
    """The policy of the graduate's side: one's own, or nothing."""
    return (Supplement.id == supplement_id, Supplement.graduate_id == actor.id)
