"""The graduate's inbox and their subscriptions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database
from app.errors import Forbidden, NotFound
from app.ports import Clock
from notifications.catalogue import Template, notice_for
from notifications.models import Notice, Subscription


@dataclass(frozen=True, slots=True)
class NoticeView:
    id: UUID
    serial: int
    title: str
    body: str
    object_kind: str
    object_id: UUID | None
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    template: Template
    template_id: str
    accepted: bool
    credits: int
    updated_at: datetime | None


class InboxService:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    def notices(self, actor: Actor, *, before: int | None, limit: int) -> tuple[list[NoticeView], int]:
        """(notices newest first, how many unread in all)."""
        with self._db.transaction() as session:
            query = select(Notice).where(Notice.graduate_id == actor.id)
            if before is not None:
                query = query.where(Notice.serial < before)
            rows = session.scalars(query.order_by(Notice.serial.desc()).limit(limit)).all()
            unread = session.scalar(
                select(func.count(Notice.id)).where(Notice.graduate_id == actor.id, Notice.read_at.is_(None))
            )
        return [self._view(r) for r in rows], unread or 0

    def mark_read(self, actor: Actor, notice_id: UUID) -> NoticeView:
        with self._db.transaction() as session:
            row = session.scalar(select(Notice).where(Notice.id == notice_id, Notice.graduate_id == actor.id))
            if row is None:
                raise NotFound("notice_not_found")
            row.read_at = row.read_at or self._clock.now()
            return self._view(row)

    @staticmethod
    def _view(row: Notice) -> NoticeView:
        text = notice_for(row.event_type, row.data)
        title, body = (text.title, text.body) if text else ("通知", "")
        return NoticeView(row.id, row.serial, title, body, row.object_kind, row.object_id, row.created_at, row.read_at)


class SubscriptionService:
    """The ledger of WeChat's one-shot credits is an estimate: the platform tells nobody the true count."""

    def __init__(self, db: Database, template_ids: dict[str, dict[Template, str]], clock: Clock) -> None:
        self._db, self._template_ids, self._clock = db, template_ids, clock

    def list(self, actor: Actor, platform: str) -> list[SubscriptionView]:
        with self._db.transaction() as session:
            rows = {
                r.template: r
                for r in session.scalars(select(Subscription).where(Subscription.identity_id == actor.identity_id))
            }
        ids = self._template_ids.get(platform, {})
        views = []
        for template in Template:
            row = rows.get(template)
            views.append(
                SubscriptionView(
                    template,
                    ids.get(template, ""),
                    row.accepted if row else False,
                    row.credits if row else 0,
                    row.updated_at if row else None,
                )
            )
        return views

    def record_choice(self, actor: Actor, name: str, *, accepted: bool) -> None:
        """What the client reports after asking. The platform's own pop-up event adds the credit, not this.

        Raises NotFound for a name that is no template.
        """
        if name not in {t.value for t in Template}:
            raise NotFound("template_not_found")
        template = Template(name)
        if actor.identity_id is None:
            raise Forbidden("role_required")
        with self._db.transaction() as session:
            self._write(session, actor.identity_id, template, accepted=accepted, delta=0)

    def popup(self, session: Session, identity_id: UUID, template_id: str, *, accepted: bool) -> None:
        """From the platform's event: one accept is one credit."""
        template = self._by_id(template_id)
        if template is not None:
            self._write(session, identity_id, template, accepted=accepted, delta=1 if accepted else 0)

    def refused(self, session: Session, identity_id: UUID, template_id: str) -> None:
        """The person switched the template off: no credit is left."""
        template = self._by_id(template_id)
        if template is not None:
            self._write(session, identity_id, template, accepted=False, delta=None)

    def spent(self, session: Session, identity_id: UUID, template: Template, *, exhausted: bool) -> None:
        change = {"credits": 0} if exhausted else {"credits": func.greatest(Subscription.credits - 1, 0)}
        session.execute(
            update(Subscription)
            .where(Subscription.identity_id == identity_id, Subscription.template == template)
            .values(**change, updated_at=self._clock.now())
        )

    def _by_id(self, template_id: str) -> Template | None:
        for ids in self._template_ids.values():
            for template, known in ids.items():
                if known and known == template_id:
                    return template
        return None

    def _write(
        self, session: Session, identity_id: UUID, template: Template, *, accepted: bool, delta: int | None
    ) -> None:
        now = self._clock.now()
        credits_now = 0 if delta is None else Subscription.credits + delta
        session.execute(
            insert(Subscription)
            .values(identity_id=identity_id, template=template, accepted=accepted, credits=delta or 0, updated_at=now)
            .on_conflict_do_update(
                index_elements=["identity_id", "template"],
                set_={"accepted": accepted, "credits": credits_now, "updated_at": now},
            )
        )
