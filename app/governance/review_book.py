"""Campaigns as they are read: progress, who handled what, what this reader may do, and the report."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.envelope import DataKey, Place, open_json
from app.events import Event
from app.governance import staffing
from app.governance.models import ReviewCampaign, ReviewFinding, ReviewItem
from app.governance.review_rules import (
    CLOSED,
    FINDING_EDGES,
    FindingMove,
    FindingState,
    Outcome,
    Progress,
    State,
)
from app.governance.review_views import CampaignLine, CampaignView, FindingView, ItemView
from app.governance.rules import CAMPAIGN_KEEPERS, CHECKERS, MENDERS, SIGNERS
from app.keyring import Keyring
from app.people.models import StaffMember

HANDLING = (
    "dossier.filed",
    "dossier.material_added",
    "dossier.material_replaced",
    "dossier.record_corrected",
    "ticket.approved_once",
    "ticket.decided",
    "transfer.opened",
    "transfer.moved",
    "supplement.accepted",
)
"""Events whose actor has handled the dossier and does not review it."""


def note_place(finding_id: UUID) -> Place:
    return Place("review_finding", "sealed_note", finding_id)


def mending_place(finding_id: UUID) -> Place:
    return Place("review_finding", "sealed_mending", finding_id)


class ReviewBook:
    def __init__(self, keys: Keyring) -> None:
        self._keys = keys

    def progress(self, session: Session, campaign_id: UUID) -> Progress:
        outcomes = Counter(session.scalars(select(ReviewItem.outcome).where(ReviewItem.campaign_id == campaign_id)))
        states = Counter(
            session.scalars(
                select(ReviewFinding.state)
                .join(ReviewItem, ReviewItem.id == ReviewFinding.item_id)
                .where(ReviewItem.campaign_id == campaign_id)
            )
        )
        items, findings = outcomes.total(), states.total()
        return Progress(items, items - outcomes[Outcome.WAITING], findings, findings - states[FindingState.CLOSED])

    @staticmethod
    def checkers(session: Session, campaign_id: UUID) -> set[UUID]:
        """Persons who checked at least one item."""
        found = session.scalars(
            select(ReviewItem.checked_person).where(
                ReviewItem.campaign_id == campaign_id, ReviewItem.checked_person.is_not(None)
            )
        )
        return {person for person in found if person is not None}

    @staticmethod
    def handlers(session: Session, graduate_ids: Sequence[UUID]) -> dict[UUID, set[UUID]]:
        """The persons who filed, added to, corrected or moved each graduate's dossier, as far as the log knows."""
        rows = session.execute(
            select(Event.graduate_id, StaffMember.person_key)
            .join(StaffMember, StaffMember.id == Event.actor_id)
            .where(
                Event.graduate_id.in_(graduate_ids),
                Event.actor_kind == ActorKind.STAFF,
                Event.type.in_(HANDLING),
            )
            .distinct()
        )
        found: dict[UUID, set[UUID]] = defaultdict(set)
        for graduate_id, person in rows:
            if graduate_id is not None:
                found[graduate_id].add(person)
        return found

    def line(self, session: Session, actor: Actor, row: ReviewCampaign) -> CampaignLine:
        waiting = 0
        if row.state is State.OPEN and actor.kind is ActorKind.STAFF and actor.has_role(*CHECKERS):
            person = staffing.person_of(session, actor.id)
            open_items = session.scalars(
                select(ReviewItem.graduate_id).where(
                    ReviewItem.campaign_id == row.id, ReviewItem.outcome == Outcome.WAITING
                )
            ).all()
            handled = self.handlers(session, open_items)
            waiting = sum(person not in handled.get(i, set()) for i in open_items)
        scope = "、".join(
            words
            for words in (f"{row.cohort_year} 届" if row.cohort_year else "全部届次", row.college or "全部学院")
            if words
        )
        return CampaignLine(
            row.id,
            row.title,
            scope,
            row.state,
            row.starts_on,
            row.ends_on,
            self.progress(session, row.id),
            waiting,
        )

    def view(self, session: Session, actor: Actor, row: ReviewCampaign) -> CampaignView:
        items = session.scalars(
            select(ReviewItem).where(ReviewItem.campaign_id == row.id).order_by(ReviewItem.position)
        ).all()
        person = staffing.person_of(session, actor.id) if actor.kind is ActorKind.STAFF else None
        known = staffing.names(session, [row.created_by, row.signed_by, *(i.checked_by for i in items if i.checked_by)])
        may_sign = row.state is State.READY and actor.has_role(*SIGNERS)
        return CampaignView(
            line=self.line(session, actor, row),
            population=row.population,
            sample_size=row.sample_size,
            seed=row.seed,
            created_by=known.get(row.created_by, ""),
            created_at=row.created_at,
            signed_by=known.get(row.signed_by, "") if row.signed_by else "",
            signed_at=row.signed_at,
            report=row.report,
            report_digest=row.report_digest or "",
            version=row.version,
            items=self._items(session, actor, row, items, person, known),
            may_sign=may_sign and person not in self.checkers(session, row.id),
            may_cancel=row.state in (State.OPEN, State.FOLLOW_UP) and actor.has_role(*CAMPAIGN_KEEPERS),
        )

    def _items(
        self,
        session: Session,
        actor: Actor,
        row: ReviewCampaign,
        items: Sequence[ReviewItem],
        person: UUID | None,
        known: dict[UUID, str],
    ) -> list[ItemView]:
        findings = self._findings(session, actor, row, items, person)
        handled = self.handlers(session, [i.graduate_id for i in items])
        open_to_me = row.state is State.OPEN and actor.has_role(*CHECKERS)
        views = []
        for item in items:
            barred = person in handled.get(item.graduate_id, set())
            waiting = item.outcome is Outcome.WAITING
            views.append(
                ItemView(
                    id=item.id,
                    position=item.position,
                    graduate_id=item.graduate_id,
                    college=item.college,
                    outcome=item.outcome,
                    checked_by=known.get(item.checked_by, "") if item.checked_by else "",
                    checked_at=item.checked_at,
                    version=item.version,
                    mine=open_to_me and waiting and not barred,
                    barred=open_to_me and waiting and barred,
                    finding=findings.get(item.id),
                )
            )
        return views

    def _findings(
        self,
        session: Session,
        actor: Actor,
        row: ReviewCampaign,
        items: Sequence[ReviewItem],
        person: UUID | None,
    ) -> dict[UUID, FindingView]:
        rows = session.scalars(select(ReviewFinding).where(ReviewFinding.item_id.in_([i.id for i in items]))).all()
        owners = {i.id: i.graduate_id for i in items}
        keys = self._keys.many(session, [owners[r.item_id] for r in rows])
        known = staffing.names(session, [i for r in rows for i in (r.owner_id, r.mended_by, r.closed_by)])
        return {
            r.item_id: FindingView(
                id=r.id,
                kind=r.kind,
                state=r.state,
                note=_text(keys[owners[r.item_id]], note_place(r.id), r.sealed_note),
                mending=_text(keys[owners[r.item_id]], mending_place(r.id), r.sealed_mending),
                owner=known.get(r.owner_id, ""),
                due_on=r.due_on,
                mended_by=known.get(r.mended_by, "") if r.mended_by else "",
                closed_by=known.get(r.closed_by, "") if r.closed_by else "",
                version=r.version,
                moves=() if row.state in CLOSED else _moves(actor, r, person),
            )
            for r in rows
        }

    def report(self, session: Session, row: ReviewCampaign) -> dict[str, Any]:
        """What is frozen at the sign-off: who checked what and what came of it. No name or note of a graduate."""
        items = session.scalars(
            select(ReviewItem).where(ReviewItem.campaign_id == row.id).order_by(ReviewItem.position)
        ).all()
        findings = {
            f.item_id: f
            for f in session.scalars(select(ReviewFinding).where(ReviewFinding.item_id.in_([i.id for i in items])))
        }
        known = staffing.names(session, [row.created_by, row.signed_by, *(i.checked_by for i in items)])
        finals = [(item, findings.get(item.id)) for item in items]
        return {
            "campaign": str(row.id),
            "title": row.title,
            "cohort_year": row.cohort_year,
            "college": row.college,
            "period": [row.starts_on.isoformat(), row.ends_on.isoformat()],
            "population": row.population,
            "sample_size": row.sample_size,
            "seed": row.seed,
            "drawn_until": row.drawn_until.isoformat(),
            "created_by": known.get(row.created_by, ""),
            "signed_by": known.get(row.signed_by, "") if row.signed_by else "",
            "signed_at": row.signed_at.isoformat() if row.signed_at else "",
            "items": [
                {
                    "position": item.position,
                    "dossier": str(item.dossier_id),
                    "college": item.college,
                    "outcome": item.outcome.value,
                    "checked_by": known.get(item.checked_by, "") if item.checked_by else "",
                    "checked_at": item.checked_at.isoformat() if item.checked_at else "",
                    "finding": found.kind.value if found else "",
                    "closed_at": found.closed_at.isoformat() if found and found.closed_at else "",
                }
                for item, found in finals
            ],
        }

    @staticmethod
    def owned_open(session: Session, staff_id: UUID) -> int:
        """How many findings wait for this person's mending."""
        return (
            session.scalar(
                select(func.count(ReviewFinding.id)).where(
                    ReviewFinding.owner_id == staff_id, ReviewFinding.state == FindingState.OPEN
                )
            )
            or 0
        )


def _text(key: DataKey, place: Place, sealed: bytes | None) -> str:
    return str(open_json(key, place, sealed)["text"]) if sealed is not None else ""


def _moves(actor: Actor, row: ReviewFinding, person: UUID | None) -> list[FindingMove]:
    found = []
    for move in FindingMove:
        roles = MENDERS if move is FindingMove.MEND else CHECKERS
        own = move is not FindingMove.MEND and person == row.mended_person
        if (row.state, move) in FINDING_EDGES and actor.has_role(*roles) and not own:
            found.append(move)
    return found
