"""Periodic review (定期审查): drawing a sample, checking it by others than who handled it, following findings up, and a
report that a second person signs.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.actors import Actor, ActorKind
from app.db import Database, new_id
from app.dossiers.models import Dossier
from app.envelope import seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound, VersionMismatch
from app.events import EventLog
from app.governance import review_rules as rules
from app.governance import staffing
from app.governance.models import ReviewCampaign, ReviewFinding, ReviewItem
from app.governance.review_book import ReviewBook, mending_place, note_place
from app.governance.review_rules import CLOSED, EDGES, FindingKind, FindingMove, FindingState, Outcome, State
from app.governance.review_views import CampaignLine, CampaignView, NewCampaign
from app.governance.rules import (
    CAMPAIGN_KEEPERS,
    CHECKERS,
    MAX_NOTE,
    MAX_TITLE,
    MENDERS,
    READERS,
    SIGNERS,
)
from app.governance.texts import checked
from app.keyring import Keyring
from app.people.models import Graduate
from app.ports import Clock


class ReviewService:
    def __init__(self, db: Database, keys: Keyring, log: EventLog, clock: Clock) -> None:
        self._db, self._keys, self._log, self._clock = db, keys, log, clock
        self._book = ReviewBook(keys)

    # --- campaigns ----------------------------------------------------------------------------------------------------

    def open(self, actor: Actor, new: NewCampaign) -> UUID:
        """Draw a sample and begin. Raises Invalid, Conflict('nothing_to_review')."""
        staffing.require(actor, CAMPAIGN_KEEPERS)
        title = checked(new.title, "/title", MAX_TITLE)
        if new.ends_on < new.starts_on:
            raise Invalid("invalid_input", faults=[FieldFault("/ends_on", "before_start")])
        if (new.size is None) == (new.percent is None):
            raise Invalid("invalid_input", faults=[FieldFault("/size", "required")])
        seed, now = secrets.token_hex(16), self._clock.now()
        with self._db.transaction() as session:
            row = ReviewCampaign(
                id=new_id(),
                title=title,
                cohort_year=new.cohort_year,
                college=new.college or None,
                starts_on=new.starts_on,
                ends_on=new.ends_on,
                population=0,
                sample_size=0,
                seed=seed,
                drawn_until=now,
                state=State.OPEN,
                created_by=actor.id,
                version=1,
                created_at=now,
            )
            strata = self._strata(session, row)
            row.population = sum(len(ids) for ids in strata.values())
            row.sample_size = rules.sample_size(row.population, new.size, new.percent)
            if row.sample_size == 0:
                raise Conflict("nothing_to_review")
            session.add(row)
            session.flush()
            self._add_items(session, row, strata)
            self._record(session, actor, row.id, "review.opened", {"size": row.sample_size, "seed": seed})
        return row.id

    def campaigns(self, actor: Actor, *, offset: int = 0, limit: int = 20) -> tuple[list[CampaignLine], int]:
        """Newest first, and how many there are."""
        staffing.require(actor, READERS)
        with self._db.transaction() as session:
            ids = session.scalars(
                select(ReviewCampaign.id).order_by(ReviewCampaign.created_at.desc(), ReviewCampaign.id)
            ).all()
            rows = [session.get_one(ReviewCampaign, i) for i in ids[offset : offset + limit]]
            return [self._book.line(session, actor, row) for row in rows], len(ids)

    def campaign(self, actor: Actor, campaign_id: UUID) -> CampaignView:
        """With its items, notes opened. Raises NotFound."""
        staffing.require(actor, READERS)
        with self._db.transaction() as session:
            view = self._book.view(session, actor, self._campaign(session, campaign_id))
            self._record(session, actor, campaign_id, "review.read", {})
        return view

    def waiting(self, actor: Actor) -> list[CampaignLine]:
        """Open campaigns with something for this person to check."""
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*CHECKERS):
            return []
        with self._db.transaction() as session:
            rows = session.scalars(
                select(ReviewCampaign).where(ReviewCampaign.state == State.OPEN).order_by(ReviewCampaign.ends_on)
            ).all()
            lines = [self._book.line(session, actor, row) for row in rows]
        return [line for line in lines if line.waiting_for_me]

    def owned_open(self, actor: Actor) -> int:
        """How many findings wait for this person's mending."""
        with self._db.transaction() as session:
            return self._book.owned_open(session, actor.id)

    def redraw(self, actor: Actor, campaign_id: UUID) -> bool:
        """Whether drawing again from the recorded seed gives the very same dossiers."""
        staffing.require(actor, READERS)
        with self._db.transaction() as session:
            row = self._campaign(session, campaign_id)
            drawn = [i for _, i in rules.draw(row.seed, self._strata(session, row), row.sample_size)]
            held = session.scalars(
                select(ReviewItem.dossier_id).where(ReviewItem.campaign_id == row.id).order_by(ReviewItem.position)
            ).all()
        return drawn == list(held)

    def cancel(self, actor: Actor, campaign_id: UUID, version: int) -> None:
        staffing.require(actor, CAMPAIGN_KEEPERS)
        with self._db.transaction() as session:
            row = self._campaign(session, campaign_id, lock=True)
            self._check(row.version, version)
            self._move(row, State.CANCELLED)
            self._record(session, actor, row.id, "review.cancelled", {})

    # --- checking -----------------------------------------------------------------------------------------------------

    def check(
        self,
        actor: Actor,
        campaign_id: UUID,
        item_id: UUID,
        version: int,
        *,
        finding: FindingKind | None = None,
        note: str = "",
        owner_id: UUID | None = None,
        due_on: date | None = None,
    ) -> None:
        """One dossier's outcome. Raises Conflict('handled_by_you', 'move_not_allowed'), Invalid, VersionMismatch."""
        graduate_id = self._graduate_of(campaign_id, item_id)
        staffing.require(actor, CHECKERS)
        words = checked(note, "/note", MAX_NOTE, needed=finding is not None)
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            row = self._campaign(session, campaign_id, lock=True)
            item = session.get_one(ReviewItem, item_id, with_for_update=True)
            self._check(item.version, version)
            if row.state is not State.OPEN or item.outcome is not Outcome.WAITING:
                raise Conflict("move_not_allowed")
            person = staffing.person_of(session, actor.id)
            if person in self._book.handlers(session, [item.graduate_id]).get(item.graduate_id, set()):
                raise Conflict("handled_by_you")
            item.outcome = Outcome.OK if finding is None else Outcome.FINDING
            item.checked_by, item.checked_person, item.checked_at = actor.id, person, self._clock.now()
            if finding is not None:
                if owner_id is None or due_on is None:
                    pointer = "/owner" if owner_id is None else "/due_on"
                    raise Invalid("invalid_input", faults=[FieldFault(pointer, "required")])
                staffing.serving(session, owner_id, "/owner", MENDERS[0])
                found = ReviewFinding(
                    id=new_id(),
                    item_id=item.id,
                    kind=finding,
                    state=FindingState.OPEN,
                    owner_id=owner_id,
                    due_on=due_on,
                    version=1,
                    created_at=self._clock.now(),
                )
                found.sealed_note = seal_json(key, note_place(found.id), {"text": words})
                session.add(found)
            self._settle(session, row)
            data = {"item_id": str(item.id), "outcome": item.outcome.value, "finding": finding.value if finding else ""}
            self._record(session, actor, row.id, "review.checked", data, item.graduate_id)

    def move_finding(
        self, actor: Actor, campaign_id: UUID, finding_id: UUID, version: int, move: FindingMove, words: str = ""
    ) -> None:
        """Mend, confirm or return. Raises Conflict('own_mending', 'move_not_allowed'), VersionMismatch, NotFound."""
        with self._db.transaction() as session:
            pair = session.execute(
                select(ReviewFinding, ReviewItem)
                .join(ReviewItem, ReviewItem.id == ReviewFinding.item_id)
                .where(ReviewFinding.id == finding_id, ReviewItem.campaign_id == campaign_id)
            ).one_or_none()
        if pair is None:
            raise NotFound("finding_not_found")
        staffing.require(actor, MENDERS if move is FindingMove.MEND else CHECKERS)
        text = checked(words, "/words", MAX_NOTE, needed=move is FindingMove.MEND)
        key = self._keys.of(pair[1].graduate_id)
        with self._db.transaction() as session:
            row = self._campaign(session, campaign_id, lock=True)
            found = session.get_one(ReviewFinding, finding_id, with_for_update=True)
            self._check(found.version, version)
            target = rules.FINDING_EDGES.get((found.state, move))
            if target is None or row.state in CLOSED:
                raise Conflict("move_not_allowed")
            person = staffing.person_of(session, actor.id)
            if move is FindingMove.MEND:
                found.sealed_mending = seal_json(key, mending_place(found.id), {"text": text})
                found.mended_by, found.mended_person, found.mended_at = actor.id, person, self._clock.now()
            elif person == found.mended_person:
                raise Conflict("own_mending")
            elif move is FindingMove.CONFIRM:
                found.closed_by, found.closed_at = actor.id, self._clock.now()
            found.state = target
            self._settle(session, row)
            data = {"finding_id": str(found.id), "state": target.value}
            self._record(session, actor, row.id, "review.finding_moved", data, pair[1].graduate_id)

    # --- the report ---------------------------------------------------------------------------------------------------

    def sign(self, actor: Actor, campaign_id: UUID, version: int) -> str:
        """Freeze the report; gives its digest. Raises Conflict('signed_by_checker', 'move_not_allowed')."""
        staffing.require(actor, SIGNERS)
        if actor.kind is not ActorKind.STAFF:
            raise Forbidden("role_required")
        with self._db.transaction() as session:
            row = self._campaign(session, campaign_id, lock=True)
            self._check(row.version, version)
            if staffing.person_of(session, actor.id) in self._book.checkers(session, row.id):
                raise Conflict("signed_by_checker")
            self._move(row, State.SIGNED)
            row.signed_by, row.signed_at = actor.id, self._clock.now()
            row.report = self._book.report(session, row)
            row.report_digest = report_digest(row.report)
            self._record(session, actor, row.id, "review.signed", {"digest": row.report_digest})
        return row.report_digest

    # --- inside -------------------------------------------------------------------------------------------------------

    def _strata(self, session: Session, row: ReviewCampaign) -> dict[str, list[UUID]]:
        """The campaign's dossiers by college, as they were when it was drawn."""
        query = (
            select(Graduate.college, Dossier.id)
            .join(Dossier, Dossier.graduate_id == Graduate.id)
            .where(Dossier.created_at <= row.drawn_until)
        )
        if row.cohort_year is not None:
            query = query.where(Graduate.cohort_year == row.cohort_year)
        if row.college is not None:
            query = query.where(Graduate.college == row.college)
        strata: dict[str, list[UUID]] = defaultdict(list)
        for college, dossier_id in session.execute(query):
            strata[college].append(dossier_id)
        return strata

    @staticmethod
    def _add_items(session: Session, row: ReviewCampaign, strata: Mapping[str, list[UUID]]) -> None:
        drawn = rules.draw(row.seed, strata, row.sample_size)
        owners = {
            row.id: row.graduate_id
            for row in session.execute(
                select(Dossier.id, Dossier.graduate_id).where(Dossier.id.in_([i for _, i in drawn]))
            )
        }
        session.add_all(
            ReviewItem(
                id=new_id(),
                campaign_id=row.id,
                position=position,
                dossier_id=dossier_id,
                graduate_id=owners[dossier_id],
                college=college,
                outcome=Outcome.WAITING,
                version=1,
            )
            for position, (college, dossier_id) in enumerate(drawn, 1)
        )

    def _settle(self, session: Session, row: ReviewCampaign) -> None:
        """Move the campaign to where its items and findings are; a stale row shows itself here."""
        try:
            session.flush()
        except StaleDataError:
            raise VersionMismatch("review_changed") from None
        target = rules.state_after(self._book.progress(session, row.id))
        if target is not row.state:
            self._move(row, target)

    @staticmethod
    def _move(row: ReviewCampaign, target: State) -> None:
        if target not in EDGES[row.state]:
            raise Conflict("move_not_allowed")
        row.state = target

    @staticmethod
    def _check(held: int, given: int) -> None:
        if held != given:
            raise VersionMismatch("review_changed")

    @staticmethod
    def _campaign(session: Session, campaign_id: UUID, *, lock: bool = False) -> ReviewCampaign:
        row = session.get(ReviewCampaign, campaign_id, with_for_update=lock)
        if row is None:
            raise NotFound("campaign_not_found")
        return row

    def _graduate_of(self, campaign_id: UUID, item_id: UUID) -> UUID:
        with self._db.transaction() as session:
            found = session.scalar(
                select(ReviewItem.graduate_id).where(ReviewItem.id == item_id, ReviewItem.campaign_id == campaign_id)
            )
        if found is None:
            raise NotFound("item_not_found")
        return found

    def _record(
        self,
        session: Session,
        actor: Actor,
        campaign_id: UUID,
        kind: str,
        data: Mapping[str, Any],
        graduate_id: UUID | None = None,
    ) -> None:
        self._log.record(
            session,
            actor,
            kind,
            graduate_id=graduate_id,
            object_kind="review",
            object_id=campaign_id,
            data=data,
        )


def report_digest(report: Mapping[str, Any]) -> str:
    """SHA-256 of the report's canonical JSON, so that a printed copy can be compared with the frozen one."""
    text = json.dumps(report, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
