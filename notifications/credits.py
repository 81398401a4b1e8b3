"""The ledger of one-shot credits. Every change of a balance is a row; the balance stands beside it for quick reading.

WeChat tells nobody the true count: accepts add one, sends take one, a refusal or 43101 takes what is left. Long-term
templates have none.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.db import new_id
from app.ports import Clock
from notifications.catalogue.text import Template
from notifications.channel_models import CreditEntry
from notifications.channel_rules import CreditCause
from notifications.models import Subscription


class CreditLedger:
    """All in the caller's transaction; the subscription's row is the lock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def locked(self, session: Session, identity_id: UUID, template: Template) -> Subscription:
        """The account's row for the template, made on first sight."""
        session.execute(
            insert(Subscription)
            .values(identity_id=identity_id, template=template, accepted=False, credits=0, updated_at=self._clock.now())
            .on_conflict_do_nothing(index_elements=["identity_id", "template"])
        )
        return session.scalars(
            select(Subscription)
            .where(Subscription.identity_id == identity_id, Subscription.template == template)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()

    def known(self, session: Session, identity_id: UUID, template: Template) -> Subscription | None:
        """The same, but only if there is one: of an account that never was asked nothing is estimated."""
        return session.scalar(
            select(Subscription)
            .where(Subscription.identity_id == identity_id, Subscription.template == template)
            .with_for_update()
            .execution_options(populate_existing=True)
        )

    def change(self, session: Session, row: Subscription, by: int, cause: CreditCause) -> None:
        """Never below zero."""
        self._write(session, row, max(by, -row.credits), cause, None)

    def empty(self, session: Session, row: Subscription, cause: CreditCause) -> None:
        self._write(session, row, -row.credits, cause, None)

    def spend(self, session: Session, row: Subscription, attempt_id: UUID, cause: CreditCause) -> None:
        """One attempt takes one credit at most, however often it is told that it was sent."""
        taken = session.scalar(select(CreditEntry.id).where(CreditEntry.attempt_id == attempt_id))
        if taken is None:
            self._write(session, row, -min(row.credits, 1), cause, attempt_id)

    def _write(self, session: Session, row: Subscription, by: int, cause: CreditCause, attempt_id: UUID | None) -> None:
        now = self._clock.now()
        row.updated_at = now
        if by == 0:
            return
        row.credits += by
        session.add(
            CreditEntry(
                id=new_id(),
                identity_id=row.identity_id,
                template=row.template,
                cause=cause,
                change=by,
                attempt_id=attempt_id,
                at=now,
            )
        )
        session.flush()
