"""Where a new ticket belongs: the college of its graduate."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.people.models import Graduate


def college_of(session: Session, graduate_id: UUID) -> str:
    """As it stands today; empty for nobody."""
    return session.scalar(select(Graduate.college).where(Graduate.id == graduate_id)) or ""
