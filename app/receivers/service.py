"""The dated registry of authorised receivers: looking up, freezing one into a transfer, recording and closing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database, new_id
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound, VersionMismatch
from app.events import EventLog
from app.office_time import office_date
from app.ports import Clock
from app.receivers import book
from app.receivers.models import Receiver, ReceiverVersion
from app.receivers.rules import (
    EXPIRING_DAYS,
    KEEPERS,
    LONGEST,
    READERS,
    REFUSAL_WORDS,
    DestinationCase,
    ReceiverFacts,
    ReceiverKind,
    Standing,
    authorised_on,
    changes,
    code_fault,
    faults,
    normal,
    normal_code,
    standing,
)
from app.receivers.suggesting import Suggestion, rules_of, suggest
from app.receivers.views import (
    FrozenReceiver,
    MovedOn,
    ReceiverLine,
    ReceiverPage,
    ReceiverView,
    VersionView,
    Wanted,
    Warnings,
)
from app.text_rules import hides_something

MOST_CANDIDATES = 5000
NAMED = frozenset({ReceiverKind.STATE_UNIT, ReceiverKind.ADMITTING_SCHOOL})


def require(actor: Actor, roles: Sequence[Role]) -> None:
    """The operator at the command line may do what staff may. Raises Forbidden('role_required')."""
    if actor.kind is ActorKind.SYSTEM:
        return
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*roles):
        raise Forbidden("role_required")


class ReceiverRegistry:
    """``local_push``: push addresses on this machine are taken (demonstration, tests)."""

    def __init__(self, db: Database, log: EventLog, clock: Clock, *, local_push: bool = False) -> None:
        self._db, self._log, self._clock, self._local_push = db, log, clock, local_push

    @property
    def today(self) -> date:
        return office_date(self._clock.now())

    # --- for transfers ------------------------------------------------------------------------------------------------

    def frozen(self, session: Session, code_or_id: str | UUID, on: date) -> FrozenReceiver:
        """The receiver as it stands on the day, in the caller's transaction. Raises NotFound('receiver_not_found'), and
        Conflict('receiver_not_authorised') with the reason in words and the day when it may not receive then.
        """
        receiver = self._receiver(session, code_or_id)
        rows = book.versions_of(session, receiver.id)
        row = book.speaking(rows, on) or rows[0]
        facts = book.facts_of(row)
        refusal = authorised_on(facts, on)
        if refusal is not None:
            raise Conflict(
                "receiver_not_authorised",
                params={"reason": REFUSAL_WORDS[refusal], "on": on.isoformat()},
                extra={"reason": refusal.value, "on": on.isoformat()},
            )
        return FrozenReceiver(receiver.id, row.number, receiver.code, facts, on)

    def kept(self, session: Session, receiver_id: UUID, version: int, on: date) -> FrozenReceiver:
        """A version frozen earlier, whatever became of it since. Raises NotFound."""
        receiver = self._receiver(session, receiver_id)
        row = next((r for r in book.versions_of(session, receiver_id) if r.number == version), None)
        if row is None:
            raise NotFound("receiver_not_found")
        return FrozenReceiver(receiver.id, row.number, receiver.code, book.facts_of(row), on)

    def moved_on(self, session: Session, frozen: Sequence[tuple[UUID, int]], on: date) -> list[MovedOn]:
        """Which of these (receiver, frozen version) are not what they were, or soon will not be, as of the day."""
        return [one for one in self.compared(session, frozen, on) if not one.as_it_was]

    def compared(self, session: Session, frozen: Sequence[tuple[UUID, int]], on: date) -> list[MovedOn]:
        """Each of these (receiver, frozen version), once, beside what speaks for the body on the day."""
        found = []
        kept = book.versions_of_many(session, [receiver_id for receiver_id, _ in frozen])
        for receiver_id, version in dict.fromkeys(frozen):
            code, rows = kept[receiver_id]
            old = next((r for r in rows if r.number == version), rows[0])
            now = book.speaking(rows, on) or old
            before, facts = book.facts_of(old), book.facts_of(now)
            refusal, stands = authorised_on(facts, on), standing(now.valid_from, now.valid_to, on)
            differs = changes(before, facts)
            found.append(MovedOn(receiver_id, code, version, now.number, differs, refusal, stands, before, facts))
        return found

    def suggestions(
        self, case: DestinationCase, origin_region: str, destination_region: str, on: date, *, text: str = ""
    ) -> list[Suggestion[ReceiverLine]]:
        """For whoever asks: the registry holds nothing of a person. ``text`` narrows units and schools by name."""
        regions = {r[:2] for r in (origin_region, destination_region) if r}
        candidates: list[ReceiverLine] = []
        with self._db.transaction() as session:
            for kind in sorted({kind for rule in rules_of(case) for kind in rule.kinds}):
                if kind in NAMED:  # a unit or a school may lie anywhere
                    asked = [Wanted(kind=kind, valid_on=on, text=text.strip())]
                else:
                    asked = [Wanted(kind=kind, valid_on=on, region=region) for region in sorted(regions)]
                for wanted in asked:
                    candidates += book.page_of(session, wanted, on, self._clock.now(), 0, MOST_CANDIDATES)
        return suggest(case, origin_region, destination_region, candidates, on)

    # --- reading ------------------------------------------------------------------------------------------------------

    def search(self, actor: Actor, wanted: Wanted, *, offset: int = 0, limit: int | None = 20) -> ReceiverPage:
        """Raises Forbidden."""
        require(actor, READERS)
        on, now = wanted.valid_on or self.today, self._clock.now()
        with self._db.transaction() as session:
            total = book.counted(session, wanted, on, now)
            return ReceiverPage(book.page_of(session, wanted, on, now, offset, limit), total)

    def expiring(self, actor: Actor, days: int = EXPIRING_DAYS) -> Sequence[ReceiverLine]:
        """Entitled today and no longer so within the days given; what ends first comes first."""
        return self.search(actor, Wanted(expiring_within=days), limit=MOST_CANDIDATES).lines

    def warnings(self, actor: Actor) -> Warnings:
        require(actor, READERS)
        on, now = self.today, self._clock.now()
        with self._db.transaction() as session:
            return Warnings(
                expiring=book.counted(session, Wanted(standing=Standing.EXPIRING), on, now),
                expired=book.counted(session, Wanted(standing=Standing.EXPIRED), on, now),
                changed=book.counted(session, Wanted(changed=True), on, now),
            )

    def view(self, actor: Actor, receiver_id: UUID) -> ReceiverView:
        """Raises Forbidden, NotFound."""
        require(actor, READERS)
        with self._db.transaction() as session:
            receiver = self._receiver(session, receiver_id)
            rows = book.versions_of(session, receiver_id)
            speaks = book.speaking(rows, self.today) or rows[-1]
            line = book.line_of(receiver, speaks, self.today)
            return ReceiverView(line, _history(rows, speaks.number))

    def history(self, actor: Actor, receiver_id: UUID) -> Sequence[VersionView]:
        return self.view(actor, receiver_id).versions

    # --- recording ----------------------------------------------------------------------------------------------------

    def record(self, actor: Actor, code: str, facts: ReceiverFacts, version: int) -> UUID:
        """A new body (``version`` 0; an empty code means its credit code) or a further version upon number ``version``.
        The same facts again add nothing. Raises Invalid, Conflict('receiver_exists'), NotFound, VersionMismatch.
        """
        require(actor, KEEPERS)
        facts = self.checked(facts)
        code = normal_code(code) or facts.credit_code
        if (fault := code_fault(code)) is not None:
            raise Invalid("invalid_input", faults=[FieldFault("/code", fault)])
        with self._db.transaction() as session:
            if version == 0:
                return self._add(session, actor, code, facts)
            receiver = self._receiver(session, code, lock=True)
            last = book.versions_of(session, receiver.id)[-1]
            if last.number != version:
                raise VersionMismatch("receiver_changed")
            if book.facts_of(last) != facts:
                self.append(session, actor, receiver, last.number + 1, facts)
            return receiver.id

    def close(self, actor: Actor, receiver_id: UUID, on: date, version: int, source: str) -> None:
        """From ``on`` it receives nothing any more; a later beginning that was planned falls away. ``source`` says what
        this goes by. Raises Invalid, NotFound, VersionMismatch, Conflict('receiver_closed').
        """
        require(actor, KEEPERS)
        source = " ".join(source.split())
        if not source or len(source) > LONGEST["source"] or hides_something(source):
            raise Invalid("invalid_input", faults=[FieldFault("/source", "required" if not source else "wrong")])
        with self._db.transaction() as session:
            receiver = self._receiver(session, receiver_id, lock=True)
            rows = book.versions_of(session, receiver_id)
            if rows[-1].number != version:
                raise VersionMismatch("receiver_changed")
            spoken = book.speaking(rows, on)
            if spoken is None:
                raise Invalid("invalid_input", faults=[FieldFault("/on", "before_it_begins")])
            if spoken.valid_to is not None and spoken.valid_to <= on:
                raise Conflict("receiver_closed", params={"on": spoken.valid_to.isoformat()})
            facts = replace(book.facts_of(spoken), valid_to=on, source=source)
            self.append(session, actor, receiver, version + 1, facts, event="receiver.closed")

    def checked(self, facts: ReceiverFacts) -> ReceiverFacts:
        """In normal form. Raises Invalid by field."""
        facts = normal(facts)
        found = faults(facts, local_push=self._local_push)
        if found:
            raise Invalid("invalid_input", faults=[FieldFault(f"/{name}", code) for name, code in found])
        return facts

    def append(
        self,
        session: Session,
        actor: Actor,
        receiver: Receiver,
        number: int,
        facts: ReceiverFacts,
        event: str = "receiver.recorded",
    ) -> None:
        """One version and its event, of checked facts, in the caller's transaction."""
        at = self._clock.now()
        session.add(book.version_row(receiver.id, number, facts, actor.id, at))
        data = {"code": receiver.code, "number": number}
        self._log.record(session, actor, event, object_kind="receiver", object_id=receiver.id, data=data, at=at)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _add(self, session: Session, actor: Actor, code: str, facts: ReceiverFacts) -> UUID:
        receiver = Receiver(id=new_id(), code=code, created_at=self._clock.now())
        session.add(receiver)
        try:
            session.flush()
        except IntegrityError:
            raise Conflict("receiver_exists", params={"code": code}) from None
        self.append(session, actor, receiver, 1, facts)
        return receiver.id

    @staticmethod
    def _receiver(session: Session, code_or_id: str | UUID, *, lock: bool = False) -> Receiver:
        known = Receiver.id == code_or_id if isinstance(code_or_id, UUID) else Receiver.code == normal_code(code_or_id)
        query = select(Receiver).where(known)
        receiver = session.scalars(query.with_for_update() if lock else query).one_or_none()
        if receiver is None:
            raise NotFound("receiver_not_found")
        return receiver


def _history(rows: Sequence[ReceiverVersion], speaks: int) -> list[VersionView]:
    """Newest first."""
    found, before = [], None
    for row in rows:
        facts = book.facts_of(row)
        changed = changes(before, facts) if before is not None else ()
        found.append(VersionView(row.number, facts, changed, row.number == speaks, row.recorded_by, row.created_at))
        before = facts
    return found[::-1]
