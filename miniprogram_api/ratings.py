"""The satisfaction question after closing: one answer, told to staff in groups only."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Response
from pydantic import Field

from app.actors import Assurance
from app.corrections.rating_rules import LEAST, MOST, MOST_WORDS, QUESTION
from app.corrections.ratings import RatingView
from auth.guards import current_actor, graduate
from miniprogram_api.door import In, Out, api, idempotent, lantai


class RatingIn(In):
    score: int = Field(ge=LEAST, le=MOST)
    words: str = Field("", max_length=MOST_WORDS)


class RatingOut(Out):
    question: str
    least: int
    most: int
    open_until: datetime | None = Field(description="Null while the ticket is open, and where nothing is asked")
    score: int | None = Field(description="The answer given, or null before it")


def _out(view: RatingView) -> RatingOut:
    return RatingOut(question=QUESTION, least=LEAST, most=MOST, open_until=view.open_until, score=view.score)


@api.get("/corrections/<uuid:ticket_id>/satisfaction")
@graduate(Assurance.L2_PROOFED)
@api.output(RatingOut)
def satisfaction(ticket_id: UUID) -> RatingOut:
    """The question about a closed ticket, and the answer given."""
    return _out(lantai().ratings.rating(current_actor(), ticket_id))


@api.post("/corrections/<uuid:ticket_id>/satisfaction")
@graduate(Assurance.L2_PROOFED)
@api.input(RatingIn, arg_name="body")
@api.output(RatingOut)
def rate(ticket_id: UUID, body: RatingIn) -> Response:
    """Answer it, once, within 30 days after closing."""

    def work() -> tuple[int, Out, int | None]:
        return 200, _out(lantai().ratings.rate(current_actor(), ticket_id, body.score, body.words)), None

    return idempotent(work)
