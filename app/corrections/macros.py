"""The desk's text blocks: kept in versions by those with the right, used by everybody at the desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.actors import Actor
from app.corrections.book import claim_place, ticket_number
from app.corrections.checking import clean_text
from app.corrections.macro_rules import KEEPERS, MOST_BODY, MOST_TITLE, Variable, filled, unknown_variables, used
from app.corrections.models import Ticket
from app.corrections.queue_models import Macro, MacroVersion
from app.corrections.queues import require_desk
from app.db import Database, new_id
from app.envelope import open_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound, VersionMismatch
from app.events import EventLog
from app.keyring import Keyring
from app.people.service import PeopleService
from app.ports import Clock

NOT_NAMED = "（申请中未写明）"


@dataclass(frozen=True, slots=True)
class MacroView:
    id: UUID
    title: str
    body: str
    number: int
    version: int
    retired: bool
    author: str
    at: datetime


def checked(title: str, body: str) -> tuple[str, str]:
    """Raises Invalid: empty, too long, invisible signs, or a variable that does not exist."""
    title, body = clean_text(title, "/title", MOST_TITLE), clean_text(body, "/body", MOST_BODY)
    if unknown_variables(body):
        raise Invalid("invalid_input", faults=[FieldFault("/body", "unknown_variable")])
    return title, body


class MacroService:
    def __init__(self, db: Database, keys: Keyring, people: PeopleService, log: EventLog, clock: Clock) -> None:
        self._db, self._keys, self._people, self._log, self._clock = db, keys, people, log, clock

    def macros(self, actor: Actor, *, retired: bool = False) -> list[MacroView]:
        """As they read today, by title."""
        require_desk(actor)
        query = select(Macro, MacroVersion).join(
            MacroVersion, (MacroVersion.macro_id == Macro.id) & (MacroVersion.number == Macro.latest)
        )
        if not retired:
            query = query.where(Macro.retired_at.is_(None))
        with self._db.transaction() as session:
            rows = session.execute(query.order_by(MacroVersion.title, Macro.id)).all()
        names = self._people.staff_names([v.author_id for _, v in rows]) if rows else {}
        return [_view(macro, version, names) for macro, version in rows]

    def versions(self, actor: Actor, macro_id: UUID) -> list[MacroView]:
        """The newest first. Raises NotFound."""
        require_desk(actor)
        with self._db.transaction() as session:
            macro = _found(session, macro_id)
            rows = session.scalars(
                select(MacroVersion).where(MacroVersion.macro_id == macro_id).order_by(MacroVersion.number.desc())
            ).all()
        names = self._people.staff_names([v.author_id for v in rows])
        return [_view(macro, version, names) for version in rows]

    def add(self, actor: Actor, title: str, body: str) -> UUID:
        _require_keeper(actor)
        title, body = checked(title, body)
        now = self._clock.now()
        macro = Macro(id=new_id(), latest=1, created_at=now)
        with self._db.transaction() as session:
            session.add(macro)
            session.flush()
            self._keep(session, actor, macro, title, body)
        return macro.id

    def edit(self, actor: Actor, macro_id: UUID, version: int, title: str, body: str) -> None:
        """A new version; the one before stays. Raises VersionMismatch('macro_changed'), Conflict('macro_retired')."""
        _require_keeper(actor)
        title, body = checked(title, body)
        with self._db.transaction() as session:
            macro = self._locked(session, macro_id, version)
            if macro.retired_at is not None:
                raise Conflict("macro_retired")
            macro.latest += 1
            self._keep(session, actor, macro, title, body)

    def retire(self, actor: Actor, macro_id: UUID, version: int, *, back: bool = False) -> None:
        """Offer it no more, or again."""
        _require_keeper(actor)
        with self._db.transaction() as session:
            macro = self._locked(session, macro_id, version)
            macro.retired_at = None if back else self._clock.now()
            kind = "macro.restored" if back else "macro.retired"
            self._log.record(session, actor, kind, object_kind="macro", object_id=macro_id)
            _flush(session)

    def filled_for(self, actor: Actor, macro_id: UUID, ticket_id: UUID) -> str:
        """The block with this ticket's values; the name is masked. Raises NotFound, Conflict('macro_retired')."""
        require_desk(actor)
        with self._db.transaction() as session:
            macro = _found(session, macro_id)
            body = session.scalars(
                select(MacroVersion.body).where(MacroVersion.macro_id == macro_id, MacroVersion.number == macro.latest)
            ).one()
            ticket = session.get(Ticket, ticket_id)
        if macro.retired_at is not None:
            raise Conflict("macro_retired")
        if ticket is None:
            raise NotFound("ticket_not_found")
        return filled(body, self._values(ticket, used(body)))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _values(self, ticket: Ticket, wanted: frozenset[Variable]) -> Mapping[Variable, str]:
        values = {
            Variable.NUMBER: ticket_number(ticket),
            Variable.DUE: _day(ticket.decide_by),
            Variable.COLLEGE: ticket.college,
        }
        if Variable.NAME in wanted:
            values[Variable.NAME] = self._people.names([ticket.graduate_id]).get(ticket.graduate_id, "")
        if Variable.MISSING in wanted:
            claim = open_json(self._keys.of(ticket.graduate_id), claim_place(ticket), ticket.sealed_claim)
            values[Variable.MISSING] = (claim.get("missing") or {}).get("title") or NOT_NAMED
        return values

    def _keep(self, session: Session, actor: Actor, macro: Macro, title: str, body: str) -> None:
        session.add(
            MacroVersion(
                id=new_id(),
                macro_id=macro.id,
                number=macro.latest,
                title=title,
                body=body,
                author_id=actor.id,
                created_at=self._clock.now(),
            )
        )
        data = {"number": macro.latest}
        self._log.record(session, actor, "macro.kept", object_kind="macro", object_id=macro.id, data=data)
        _flush(session)

    @staticmethod
    def _locked(session: Session, macro_id: UUID, version: int) -> Macro:
        macro = session.get(Macro, macro_id, with_for_update=True)
        if macro is None:
            raise NotFound("macro_not_found")
        if macro.version != version:
            raise VersionMismatch("macro_changed")
        return macro


def _found(session: Session, macro_id: UUID) -> Macro:
    macro = session.get(Macro, macro_id)
    if macro is None:
        raise NotFound("macro_not_found")
    return macro


def _flush(session: Session) -> None:
    try:
        session.flush()
    except StaleDataError:
        raise VersionMismatch("macro_changed") from None


def _require_keeper(actor: Actor) -> None:
    require_desk(actor)
    if not actor.has_role(*KEEPERS):
        raise Forbidden("role_required")


def _day(on: date) -> str:
    return f"{on.year}年{on.month}月{on.day}日"


def _view(macro: Macro, version: MacroVersion, names: Mapping[UUID, str]) -> MacroView:
    return MacroView(
        macro.id,
        version.title,
        version.body,
        version.number,
        macro.version,
        macro.retired_at is not None,
        names.get(version.author_id, "（已停用）"),
        version.created_at,
    )
