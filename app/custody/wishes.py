"""Reading the form of a loan: what must be there, and what may not."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.custody.rules import LETTER_MOST, LOAN_DAYS, NAME_MOST, UNIT_MOST, WORDS_MOST, Borrower, Wish
from app.errors import FieldFault, Invalid
from app.people.models import StaffMember
from app.text_rules import hides_something


def read(wish: Wish) -> dict[str, str]:
    """The words that are sealed with a loan. Raises Invalid by field."""
    faults = [] if 1 <= wish.days <= LOAN_DAYS else [FieldFault("/days", "loan_days")]
    if wish.borrower is Borrower.STAFF:
        if wish.staff_id is None:
            faults.append(FieldFault("/staff", "required"))
        words: dict[str, str] = {}
    else:
        fields = (("name", wish.name, NAME_MOST), ("unit", wish.unit, UNIT_MOST), ("letter", wish.letter, LETTER_MOST))
        words = {name: text.strip() for name, text, _ in fields}
        for name, text, most in fields:
            faults += _faults(f"/{name}", text, most, needed=True)
    if faults:
        raise Invalid("invalid_input", faults=faults)
    return words


def said(pointer: str, text: str, *, needed: bool = True) -> str:
    """A reason or a note, tidied. Raises Invalid."""
    if faults := _faults(pointer, text, WORDS_MOST, needed=needed):
        raise Invalid("invalid_input", faults=faults)
    return text.strip()


def _faults(pointer: str, text: str, most: int, *, needed: bool) -> list[FieldFault]:
    text = text.strip()
    if not text:
        return [FieldFault(pointer, "required")] if needed else []
    if len(text) > most:
        return [FieldFault(pointer, "too_long")]
    return [FieldFault(pointer, "hidden_characters")] if hides_something(text) else []


def person_of(session: Session, staff_id: UUID) -> UUID:
    """The natural person behind an account that is in use. Raises Invalid by the field /staff."""
    query = select(StaffMember.person_key).where(StaffMember.id == staff_id, StaffMember.disabled_at.is_(None))
    found = session.scalar(query)
    if found is None:
        raise Invalid("invalid_input", faults=[FieldFault("/staff", "unknown_staff")])
    return found
