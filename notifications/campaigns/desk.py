"""Campaigns at the desk: written, counted, made ready by one, started by another where many are meant, stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database, new_id
from app.errors import Conflict, FieldFault, Forbidden, Invalid, StepUpRequired
from app.events import EventLog
from app.office_time import office_date
from app.people.models import Graduate, StaffMember
from app.ports import Clock
from notifications.campaigns import audience, book, halting, rules, texts
from notifications.campaigns.audience import Counted, Headcount
from notifications.campaigns.models import CampaignRecipient, NoticeCampaign
from notifications.campaigns.rules import Deed, Segment, Skip, Told
from notifications.campaigns.texts import CampaignNotice
from notifications.catalogue.editions import words_of
from notifications.catalogue.text import NoticeText


@dataclass(frozen=True, slots=True)
class Policy:
    """``two_above``: with more recipients another person starts it; ``places``: what a notice may name; ``counted``:
    where credits are.
    """

    two_above: int
    places: Sequence[str]
    counted: Counted


@dataclass(frozen=True, slots=True)
class Wish:
    """What a form asks for; ``given`` are the notice's fields as they were typed."""

    notice: CampaignNotice
    given: Mapping[str, str]
    segment: Segment


class CampaignDesk:
    def __init__(
        self,
        db: Database,
        log: EventLog,
        clock: Clock,
        policy: Policy,
        tell_of_faults: Callable[[NoticeText, UUID, datetime], None],
    ) -> None:
        """``tell_of_faults``: tells staff where a platform would refuse these words; the UUID stands for a notice's."""
        self._db, self._log, self._clock, self.policy = db, log, clock, policy
        self._tell_of_faults = tell_of_faults

    def colleges(self, actor: Actor) -> list[str]:
        """The colleges that this person may write to, by name. Raises Forbidden."""
        book.require_desk(actor)
        query = select(Graduate.college).distinct().order_by(Graduate.college)
        with self._db.transaction() as session:
            own = book.own_colleges(session, actor)
            return [c for c in session.scalars(query) if c and (not own or c in own)]

    def dry_run(self, actor: Actor, segment: Segment, notice: CampaignNotice | None = None) -> Headcount:
        """How many are meant at this moment, and to how many the notice would be pushed. Raises Forbidden,
        Invalid('/colleges').
        """
        book.require_desk(actor)
        text = words_of(texts.key(notice)) if notice is not None else None
        push = audience.pushed(text, self.policy.counted) if text is not None else None
        with self._db.transaction() as session:
            return audience.count(session, self._narrowed(session, actor, segment), push)

    def create(self, actor: Actor, wish: Wish) -> UUID:
        """A draft. Raises Forbidden, Invalid naming the fields."""
        self._require_staff(actor)
        with self._db.transaction() as session:
            row = NoticeCampaign(id=new_id(), created_by=actor.id, created_at=self._clock.now())
            self._write(session, actor, row, wish)
            session.add(row)
            session.flush()
            book.record(session, self._log, actor, "drafted", row)
        return row.id

    def change(self, actor: Actor, campaign_id: UUID, version: int, wish: Wish) -> None:
        """Of a draft. Raises as ``create`` does, NotFound, VersionMismatch, Conflict('campaign_state')."""
        self._require_staff(actor)
        with self._db.transaction() as session:
            row = book.step(session, actor, campaign_id, Deed.CHANGE, version)
            self._write(session, actor, row, wish)

    def propose(self, actor: Actor, campaign_id: UUID, version: int) -> None:
        """Make it ready, with the number the dry run gives now.

        Raises Conflict('campaign_state', 'campaign_empty'), Invalid for a day that has passed meanwhile, NotFound,
        VersionMismatch, Forbidden.
        """
        self._require_staff(actor)
        with self._db.transaction() as session:
            row = book.step(session, actor, campaign_id, Deed.PROPOSE, version)
            self._check_words(row)
            row.counted = audience.count(session, rules.segment_of(row.segment)).total
            if not row.counted:
                raise Conflict("campaign_empty")
            row.proposed_by, row.proposed_at = actor.id, self._clock.now()
            row.proposed_person = _person(session, actor)
            book.record(session, self._log, actor, "proposed", row, counted=row.counted)

    def recall(self, actor: Actor, campaign_id: UUID, version: int) -> None:
        """Back to a draft: what is edited again has to be made ready again. Raises as ``propose`` does."""
        self._require_staff(actor)
        with self._db.transaction() as session:
            row = book.step(session, actor, campaign_id, Deed.RECALL, version)
            row.counted = row.proposed_by = row.proposed_person = row.proposed_at = None
            book.record(session, self._log, actor, "recalled", row)

    def start(self, actor: Actor, campaign_id: UUID, version: int) -> int:
        """Freeze the recipients and begin; gives how many they are. The count that decides whether two persons are
        needed is the frozen one, so that nobody grows between dry run and start unseen. Staff hear of words that a
        platform would refuse.

        Raises StepUpRequired, Conflict('same_person', 'campaign_state', 'campaign_empty'), Invalid, NotFound,
        VersionMismatch, Forbidden.
        """
        self._require_staff(actor)
        if not actor.fresh_factor(self._clock.now()):
            raise StepUpRequired("fresh_factor_required")
        with self._db.transaction() as session:
            row = book.step(session, actor, campaign_id, Deed.START, version)
            self._check_words(row)
            session.flush()
            row.total = audience.freeze(session, row.id, rules.segment_of(row.segment))
            if not row.total:
                raise Conflict("campaign_empty")
            if row.total > self.policy.two_above and _person(session, actor) == row.proposed_person:
                raise Conflict("campaign_same_person", params={"most": self.policy.two_above})
            row.started_by, row.started_at = actor.id, self._clock.now()
            book.record(session, self._log, actor, "started", row, total=row.total)
            total, words = row.total, book.words(row)
        self._tell_of_faults(words, campaign_id, self._clock.now())
        return total

    def pause(self, actor: Actor, campaign_id: UUID, version: int | None = None) -> None:
        """Nobody more is told, and no push or letter begun, once this has returned; also of one that is done and whose
        pushes still wait.

        Raises NotFound, VersionMismatch, Conflict, Forbidden.
        """
        self._stop_or_go(actor, campaign_id, Deed.PAUSE, version, "paused")

    def resume(self, actor: Actor, campaign_id: UUID, version: int | None = None) -> None:
        """On with what was held, then with whoever still waits, both in the pace. Raises as ``pause`` does."""
        self._stop_or_go(actor, campaign_id, Deed.RESUME, version, "resumed")

    def cancel(self, actor: Actor, campaign_id: UUID, version: int) -> None:
        """For good: whoever still waits is not told, and no push or letter is begun. Raises as ``pause`` does."""
        self._require_staff(actor)
        with self._db.transaction() as session:
            halting.await_begun(session, campaign_id)
            row = book.step(session, actor, campaign_id, Deed.CANCEL, version)
            left = update(CampaignRecipient).where(
                CampaignRecipient.campaign_id == row.id, CampaignRecipient.state == Told.WAITING
            )
            now = self._clock.now()
            audience.allow_time(session)
            session.execute(left.values(state=Told.SKIPPED, reason=Skip.CANCELLED.value, at=now))
            row.skipped, row.ended_at = (row.total or 0) - row.told, now
            row.releasing = True  # so that nothing is left as if it were still tried
            book.record(session, self._log, actor, "cancelled", row, total=row.total or 0, told=row.told)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _stop_or_go(self, actor: Actor, campaign_id: UUID, deed: Deed, version: int | None, kind: str) -> None:
        book.require_desk(actor)
        with self._db.transaction() as session:
            if deed is Deed.PAUSE:
                halting.await_begun(session, campaign_id)
            row = book.step(session, actor, campaign_id, deed, version)
            row.releasing, row.ended_at = deed is Deed.RESUME, None
            book.record(session, self._log, actor, kind, row, total=row.total or 0, told=row.told)

    def _today(self) -> date:
        return office_date(self._clock.now())

    def _write(self, session: Session, actor: Actor, row: NoticeCampaign, wish: Wish) -> None:
        segment = self._narrowed(session, actor, wish.segment)
        if (wrong := rules.misfit(wish.notice, segment)) is not None:
            raise Invalid("invalid_input", faults=[FieldFault(f"/{wrong[0]}", wrong[1])])
        row.fields = texts.checked(wish.notice, wish.given, self._today(), self.policy.places)
        row.notice, row.segment, row.colleges = wish.notice, segment.kept(), list(segment.colleges)

    def _check_words(self, row: NoticeCampaign) -> None:
        """Of a draft that lay a while: its day may have passed, its place may be none any more."""
        texts.checked(row.notice, row.fields, self._today(), self.policy.places)

    @staticmethod
    def _narrowed(session: Session, actor: Actor, segment: Segment) -> Segment:
        """A college's staff write to their own college, also when they name none. Raises Invalid('/colleges')."""
        own = book.own_colleges(session, actor)
        if own and not segment.colleges:
            return replace(segment, colleges=tuple(own))
        if not rules.within(segment.colleges, own):
            raise Invalid("invalid_input", faults=[FieldFault("/colleges", "campaign_college")])
        return segment

    @staticmethod
    def _require_staff(actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF:
            raise Forbidden("role_required")
        book.require_desk(actor)


def _person(session: Session, actor: Actor) -> UUID:
    return session.scalars(select(StaffMember.person_key).where(StaffMember.id == actor.id)).one()
