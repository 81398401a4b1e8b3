"""The rule book: drafting, publishing, and showing rules where the work is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor
from app.db import Database, new_id
from app.errors import Conflict, FieldFault, Invalid, NotFound, VersionMismatch
from app.events import EventLog
from app.governance import staffing
from app.governance.models import OfficeRule, OfficeRuleVersion
from app.governance.rules import MAX_BODY, MAX_TITLE, READERS, RULE_KEEPERS, RuleState, System, Topic
from app.governance.seeds import SeedRule
from app.governance.texts import checked
from app.ports import Clock

REMEMBERED_S = 5.0


@dataclass(frozen=True, slots=True)
class RuleVersionView:
    number: int
    state: RuleState
    title: str
    body: str
    topics: frozenset[Topic]
    author: str
    created_at: datetime
    published_at: datetime | None
    published_by: str
    version: int


@dataclass(frozen=True, slots=True)
class RuleView:
    """``current`` is the published version; ``versions`` are all, newest first."""

    id: UUID
    code: str
    system: System
    title: str
    current: RuleVersionView | None
    draft: RuleVersionView | None
    versions: Sequence[RuleVersionView]


@dataclass(frozen=True, slots=True)
class Draft:
    title: str
    body: str
    topics: Sequence[str]


class RuleBook:
    def __init__(self, db: Database, log: EventLog, clock: Clock) -> None:
        self._db, self._log, self._clock = db, log, clock
        self._shown: dict[Topic, tuple[float, list[RuleVersionView]]] = {}
        self._lock = threading.Lock()

    # --- reading ------------------------------------------------------------------------------------------------------

    def all(self, actor: Actor) -> list[RuleView]:
        staffing.require(actor, READERS)
        with self._db.transaction() as session:
            rules = session.scalars(select(OfficeRule).order_by(OfficeRule.created_at, OfficeRule.code)).all()
            return [self._view(session, rule) for rule in rules]

    def rule(self, actor: Actor, rule_id: UUID) -> RuleView:
        """Raises NotFound."""
        staffing.require(actor, READERS)
        with self._db.transaction() as session:
            return self._view(session, self._rule(session, rule_id))

    def at(self, topic: Topic) -> list[RuleVersionView]:
        """The published rules of one place of work, for every member of staff. A new one shows within seconds."""
        with self._lock:
            held = self._shown.get(topic)
        if held is not None and held[0] > time.monotonic():
            return held[1]
        with self._db.transaction() as session:
            rows = session.scalars(
                select(OfficeRuleVersion)
                .join(OfficeRule, OfficeRule.id == OfficeRuleVersion.rule_id)
                .where(
                    OfficeRuleVersion.state == RuleState.PUBLISHED,
                    OfficeRuleVersion.topics.contains([topic.value]),
                )
                .order_by(OfficeRule.created_at, OfficeRule.code)
            ).all()
            views = _views(session, rows)
        with self._lock:
            self._shown[topic] = (time.monotonic() + REMEMBERED_S, views)
        return views

    # --- writing ------------------------------------------------------------------------------------------------------

    def add(self, actor: Actor, code: str, system: System, draft: Draft) -> UUID:
        """A new rule as a draft. Raises Invalid, Conflict('rule_exists')."""
        staffing.require(actor, RULE_KEEPERS)
        code = code.strip().lower()
        if not (2 <= len(code) <= 40) or not all(c.isascii() and (c.isalnum() or c == "-") for c in code):
            raise Invalid("invalid_input", faults=[FieldFault("/code", "letters_and_digits_only")])
        row = OfficeRule(id=new_id(), code=code, system=system, created_at=self._clock.now())
        first = self._draft_row(actor, row.id, 1, draft)
        with self._db.transaction() as session:
            session.add(row)
            try:
                session.flush()
            except IntegrityError:
                raise Conflict("rule_exists") from None
            session.add(first)
            self._record(session, actor, row.id, "office_rule.added", 1)
        return row.id

    def save_draft(self, actor: Actor, rule_id: UUID, version: int, draft: Draft) -> None:
        """Change the draft, or begin one beside the published version (``version`` 0 then). Raises VersionMismatch."""
        staffing.require(actor, RULE_KEEPERS)
        with self._db.transaction() as session:
            self._rule(session, rule_id, lock=True)
            row = self._draft(session, rule_id)
            if (row.version if row is not None else 0) != version:
                raise VersionMismatch("rule_changed")
            new = self._draft_row(actor, rule_id, 0, draft)
            if row is None:
                last = session.scalar(
                    select(func.max(OfficeRuleVersion.number)).where(OfficeRuleVersion.rule_id == rule_id)
                )
                new.number = (last or 0) + 1
                session.add(new)
                row = new
            else:
                row.title, row.body, row.topics, row.author_id = new.title, new.body, new.topics, actor.id
            self._record(session, actor, rule_id, "office_rule.drafted", row.number)

    def publish(self, actor: Actor, rule_id: UUID, version: int) -> None:
        """The draft takes effect; the version before is superseded and kept. Raises Conflict('no_draft')."""
        staffing.require(actor, RULE_KEEPERS)
        with self._db.transaction() as session:
            self._rule(session, rule_id, lock=True)
            row = self._draft(session, rule_id)
            if row is None:
                raise Conflict("no_draft")
            if row.version != version:
                raise VersionMismatch("rule_changed")
            before = session.scalar(
                select(OfficeRuleVersion).where(
                    OfficeRuleVersion.rule_id == rule_id, OfficeRuleVersion.state == RuleState.PUBLISHED
                )
            )
            if before is not None:
                before.state = RuleState.SUPERSEDED
                session.flush()
            row.state, row.published_by, row.published_at = RuleState.PUBLISHED, actor.id, self._clock.now()
            self._record(session, actor, rule_id, "office_rule.published", row.number)
        with self._lock:
            self._shown.clear()

    def seed(self, rules: Sequence[SeedRule]) -> int:
        """Add and publish those whose code is not there yet; gives how many. Running it twice changes nothing."""
        with self._db.transaction() as session:
            known = set(session.scalars(select(OfficeRule.code)))
        added = 0
        for rule in rules:
            if rule.code not in known:
                draft = Draft(rule.title, rule.body, [t.value for t in rule.topics])
                self.publish(SYSTEM, self.add(SYSTEM, rule.code, rule.system, draft), 1)
                added += 1
        return added

    # --- inside -------------------------------------------------------------------------------------------------------

    def _draft_row(self, actor: Actor, rule_id: UUID, number: int, draft: Draft) -> OfficeRuleVersion:
        title = checked(draft.title, "/title", MAX_TITLE)
        body = checked(draft.body, "/body", MAX_BODY)
        if not set(draft.topics) <= set(Topic):
            raise Invalid("invalid_input", faults=[FieldFault("/topics", "unknown_topic")])
        return OfficeRuleVersion(
            id=new_id(),
            rule_id=rule_id,
            number=number,
            state=RuleState.DRAFT,
            title=title,
            body=body,
            topics=sorted(set(draft.topics)),
            author_id=actor.id,
            version=1,
            created_at=self._clock.now(),
        )

    def _record(self, session: Session, actor: Actor, rule_id: UUID, kind: str, number: int) -> None:
        self._log.record(session, actor, kind, object_kind="office_rule", object_id=rule_id, data={"number": number})

    @staticmethod
    def _rule(session: Session, rule_id: UUID, *, lock: bool = False) -> OfficeRule:
        row = session.get(OfficeRule, rule_id, with_for_update=lock)
        if row is None:
            raise NotFound("rule_not_found")
        return row

    @staticmethod
    def _draft(session: Session, rule_id: UUID) -> OfficeRuleVersion | None:
        return session.scalar(
            select(OfficeRuleVersion).where(
                OfficeRuleVersion.rule_id == rule_id, OfficeRuleVersion.state == RuleState.DRAFT
            )
        )

    @staticmethod
    def _view(session: Session, rule: OfficeRule) -> RuleView:
        rows = session.scalars(
            select(OfficeRuleVersion)
            .where(OfficeRuleVersion.rule_id == rule.id)
            .order_by(OfficeRuleVersion.number.desc())
        ).all()
        views = _views(session, rows)
        current = next((v for v in views if v.state is RuleState.PUBLISHED), None)
        draft = next((v for v in views if v.state is RuleState.DRAFT), None)
        return RuleView(rule.id, rule.code, rule.system, (current or views[0]).title, current, draft, views)


def _views(session: Session, rows: Sequence[OfficeRuleVersion]) -> list[RuleVersionView]:
    known = staffing.names(session, [i for r in rows for i in (r.author_id, r.published_by)])
    known[SYSTEM.id] = "随系统提供"
    return [
        RuleVersionView(
            number=r.number,
            state=r.state,
            title=r.title,
            body=r.body,
            topics=frozenset(Topic(t) for t in r.topics),
            author=known.get(r.author_id, ""),
            created_at=r.created_at,
            published_at=r.published_at,
            published_by=known.get(r.published_by, "") if r.published_by is not None else "",
            version=r.version,
        )
        for r in rows
    ]
