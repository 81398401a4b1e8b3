"""Keeping a dossier at school: by the graduate's wish alone, and two years at most in all (2-domain section 3)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import FieldFault, Invalid
from app.receivers.rules import DestinationCase
from app.transfers import clocks
from app.transfers.models import Transfer
from app.transfers.states import State


def against(source: State, target: State, case: DestinationCase | None) -> str | None:
    """The code of what stands against a step: nobody's dossier is held without the wish, or sent against it."""
    wished = case is DestinationCase.KEPT_AT_SCHOOL
    if target is State.HELD_AT_SCHOOL and not wished:
        return "not_kept_at_school"
    # elsewhere on the way to approval the wish is past: the dossier had been approved, or sent, before
    return "kept_at_school" if source is State.COLLEGE_REVIEWED and target is State.SCHOOL_APPROVED and wished else None


def first_day(session: Session, dossier_id: UUID) -> date | None:
    """When any transfer of the dossier was first held."""
    return session.scalar(select(func.min(Transfer.held_since)).where(Transfer.dossier_id == dossier_id))


def begin(session: Session, row: Transfer, until: date, today: date) -> None:
    """Raises Invalid by the field /kept_until."""
    since = first_day(session, row.dossier_id) or today
    if not today < until <= clocks.latest_hold(since):
        raise Invalid("invalid_input", faults=[FieldFault("/kept_until", "hold_too_long")])
    row.kept_until, row.held_since = until, since
    row.hold_told = clocks.hold_stage(until, today)  # of a short hold nothing is told that the approval tells


def end(row: Transfer) -> None:
    """The dossier is held no more; since when it was, stays."""
    row.kept_until, row.hold_told = None, None


def require_none(case: DestinationCase) -> None:
    """Of what follows a dossier that has gone nothing is kept. Raises Invalid by the field /case."""
    if case is DestinationCase.KEPT_AT_SCHOOL:
        raise Invalid("invalid_input", faults=[FieldFault("/case", "supplement_not_kept")])


def require_time_left(session: Session, dossier_id: UUID, case: DestinationCase, today: date) -> None:
    """Raises Invalid by the field /case for the wish to be held after the two years."""
    if case is not DestinationCase.KEPT_AT_SCHOOL:
        return
    since = first_day(session, dossier_id)
    if since is not None and today >= clocks.latest_hold(since):
        raise Invalid("invalid_input", faults=[FieldFault("/case", "hold_used_up")])
