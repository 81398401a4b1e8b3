"""The graduate's inbox and their subscriptions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database
from app.errors import Forbidden, NotFound
from app.people.models import PlatformIdentity
from app.ports import Clock, Platform
from notifications.catalogue.text import Template
from notifications.catalogue.words import notice_for
from notifications.channel_rules import CreditCause, Standing, credit_words
from notifications.check_codes import CheckCodes
from notifications.credits import CreditLedger
from notifications.models import Notice, Subscription


@dataclass(frozen=True, slots=True)
class NoticeView:
    id: UUID
    serial: int
    version: str
    check_code: str | None
    """None where the message is from before there were codes."""
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
    long_term: bool = False
    words: str = ""
    """What the graduate reads of it."""


class InboxService:
    def __init__(self, db: Database, clock: Clock, contact: str, codes: CheckCodes) -> None:
        """``contact`` is whom a graduate calls."""
        self._db, self._clock, self._contact, self._codes = db, clock, contact, codes

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

    def _view(self, row: Notice) -> NoticeView:
        text = notice_for(row.event_type, row.data, row.catalogue_version)
        title, body = (text.title, text.body) if text else ("通知", "")
        if text is not None and text.calls:
            body = f"{body}咨询：{self._contact}。"
        return NoticeView(
            id=row.id,
            serial=row.serial,
            version=row.catalogue_version,
            check_code=self._codes.of(row.id) if row.check_hash is not None else None,
            title=title,
            body=body,
            object_kind=row.object_kind,
            object_id=row.object_id,
            created_at=row.created_at,
            read_at=row.read_at,
        )


class SubscriptionService:
    """Agreements to templates. What is left of one-shot credits is an estimate (``CreditLedger``), and only where the
    platform tells of every single agreement: Alipay never does, WeChat where its pushes come in. Elsewhere an agreement
    holds until it is taken back or the platform says that there is none.
    """

    def __init__(
        self,
        db: Database,
        template_ids: dict[str, dict[Template, str]],
        clock: Clock,
        long_term: Collection[tuple[Platform, Template]] = (),
        told: Collection[Platform] = (),
    ) -> None:
        """``long_term``: what is agreed to once for any number of messages. ``told``: the platforms that tell of each
        agreement.
        """
        self._db, self._template_ids, self._clock = db, template_ids, clock
        self._long_term, self._told, self._ledger = frozenset(long_term), frozenset(told), CreditLedger(clock)

    def list(self, actor: Actor, platform: str) -> list[SubscriptionView]:
        with self._db.transaction() as session:
            rows = {
                r.template: r
                for r in session.scalars(select(Subscription).where(Subscription.identity_id == actor.identity_id))
            }
        ids = self._template_ids.get(platform, {})
        return [
            self._view(Platform(platform), template, ids.get(template, ""), rows.get(template)) for template in Template
        ]

    def standings(self, session: Session, identity_ids: Collection[UUID]) -> dict[tuple[UUID, Template], Standing]:
        """What is known of these accounts, in one query."""
        rows = session.execute(
            select(Subscription, PlatformIdentity.platform)
            .join(PlatformIdentity, PlatformIdentity.id == Subscription.identity_id)
            .where(Subscription.identity_id.in_(identity_ids))
        )
        return {(r.identity_id, r.template): self._standing(r, platform) for r, platform in rows}

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

    def popup(self, session: Session, identity_id: UUID, template_id: str, *, accepted: bool, at: datetime) -> None:
        """From the platform's event of ``at``: one accept is one credit."""
        template = self.template_of(template_id)
        if template is not None:
            self._write(session, identity_id, template, accepted=accepted, delta=1 if accepted else 0, at=at)

    def refused(self, session: Session, identity_id: UUID, template_id: str, *, at: datetime) -> None:
        """The person switched the template off at that time: no credit is left."""
        template = self.template_of(template_id)
        if template is not None:
            self._write(session, identity_id, template, accepted=False, delta=None, at=at)

    def spent(
        self,
        session: Session,
        identity_id: UUID,
        template: Template,
        attempt_id: UUID,
        cause: CreditCause = CreditCause.SENT,
    ) -> None:
        """``cause`` EXHAUSTED: the platform said that there is no credit, or no agreement any more (43101)."""
        row = self._ledger.known(session, identity_id, template)
        if row is None:
            return
        if not self._counted(session, identity_id, template):
            row.accepted = row.accepted and cause is not CreditCause.EXHAUSTED
        elif cause is CreditCause.EXHAUSTED:
            self._ledger.empty(session, row, cause)
        else:
            self._ledger.spend(session, row, attempt_id, cause)

    def template_of(self, template_id: str) -> Template | None:
        for ids in self._template_ids.values():
            for template, known in ids.items():
                if known and known == template_id:
                    return template
        return None

    def _counted(self, session: Session, identity_id: UUID, template: Template) -> bool:
        platform = session.get_one(PlatformIdentity, identity_id).platform
        return platform in self._told and (platform, template) not in self._long_term

    def _standing(self, row: Subscription, platform: Platform) -> Standing:
        credits = row.credits if platform in self._told else None
        return Standing(row.accepted, credits, (platform, row.template) in self._long_term)

    def _view(
        self, platform: Platform, template: Template, template_id: str, row: Subscription | None
    ) -> SubscriptionView:
        standing = self._standing(row, platform) if row else None
        return SubscriptionView(
            template,
            template_id,
            row.accepted if row else False,
            (standing.credits or 0) if standing else 0,
            row.updated_at if row else None,
            (platform, template) in self._long_term,
            credit_words(standing),
        )

    def _write(
        self,
        session: Session,
        identity_id: UUID,
        template: Template,
        *,
        accepted: bool,
        delta: int | None,
        at: datetime | None = None,
    ) -> None:
        """``delta`` None takes all credits. A decision that is told after a later one changes neither consent nor what
        a refusal took away; a credit that came with it counts while the later decision was to accept.
        """
        row = self._ledger.locked(session, identity_id, template)
        fresh = at is None or row.decided_at is None or row.decided_at <= at
        counts = fresh or (row.accepted and bool(delta))
        row.accepted, row.updated_at = accepted if fresh else row.accepted, self._clock.now()
        if at is not None:
            row.decided_at = max(row.decided_at, at) if row.decided_at is not None else at
        if not counts or not self._counted(session, identity_id, template):
            return
        if delta is None:
            self._ledger.empty(session, row, CreditCause.REFUSED)
        elif delta:
            self._ledger.change(session, row, delta, CreditCause.ACCEPTED)
