"""Outside systems send through the school's catalogue: taken at once, delivered like every other notice, and silent
about whom they did not reach.

Who is meant is looked for by a worker, not while the machine waits: neither the answer nor the time it takes says
whether there is such a person. A person beyond the client's reach is answered for exactly like one that does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database, new_id
from app.envelope import open_json, seal_json
from app.errors import NotFound, RateLimited
from app.events import Event, EventLog
from app.jobs import Announce, JobQueue, SendPartnerNotice
from app.keyring import Keyring
from app.office_time import office_date
from app.people.models import PlatformIdentity
from app.ports import Clock, RateLimiter
from notifications import partner_notices
from notifications.catalogue.editions import CATALOGUE_VERSION
from notifications.catalogue.text import NoticeText
from notifications.catalogue.words import notice_for
from notifications.channel_models import ContactAttempt
from notifications.channel_rules import CHANNEL_OF, QuietHours, Way
from notifications.models import AttemptState, DeliveryAttempt, Notice
from notifications.partner_models import PartnerNotice, Progress, recipient_place
from notifications.partner_notices import EVENT, Kind
from notifications.routing import ARRIVED_OTHERWISE

ASKED = "partner.notice_asked"
CAPPED = "partner.notices_capped"
KEEP = timedelta(days=90)
SWEPT = 5_000
DAY_S = 86_400
PER_PERSON = 10
"""Notices of one client to one person in a day, whichever way the person is named."""
PER_CLIENT = 2_000
"""Of one client in a day: more than a college's graduates, and few enough that a stolen key is noticed in time."""
_COUNTING = text("select pg_advisory_xact_lock(hashtextextended(:who, 0))")
PUSHED, WRITTEN = (Way.WECHAT, Way.ALIPAY), (Way.EMAIL, Way.SMS)
CHANNELS = (*PUSHED, *WRITTEN)
PATIENCE = timedelta(minutes=15)
"""How long a push that nobody has begun is taken to wait for its turn, outside the house's quiet hours."""


class Told(StrEnum):
    """What became of a notice on one channel. ``none``: nobody is reached by it."""

    ACCEPTED = "accepted"
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NONE = "none"
    SIMULATED = "simulated"


_OF_ATTEMPT: Mapping[AttemptState, Told] = {
    AttemptState.SENT: Told.SENT,
    AttemptState.FAILED: Told.FAILED,
    AttemptState.UNKNOWN: Told.UNKNOWN,
}


class Result(StrEnum):
    """What became of a notice over all channels: a push, or a letter in its place, is what counts."""

    WAITING = "waiting"
    SENT = "sent"
    WRITTEN = "written"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NONE = "none"
    SIMULATED = "simulated"


def result_of(channels: Mapping[str, Told]) -> Result:
    """Of ``SentNotice.channels``: nothing is said that they do not say."""
    told = {channels[way.value] for way in CHANNELS}
    if Told.SENT in told:
        return Result.SENT if any(channels[way.value] is Told.SENT for way in PUSHED) else Result.WRITTEN
    order = (Told.SIMULATED, Told.WAITING, Told.UNKNOWN, Told.FAILED)
    return next((Result(each.value) for each in order if each in told), Result.NONE)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One of the two."""

    student_number: str | None = field(default=None, repr=False)
    graduate: UUID | None = None


@dataclass(frozen=True, slots=True)
class SentNotice:
    """``channels``: "inbox", the platforms, "email" and "sms". ``title`` and ``body`` are what a graduate reads."""

    id: UUID
    kind: Kind
    title: str
    body: str
    created_at: datetime
    simulated: bool
    channels: Mapping[str, Told]

    @property
    def result(self) -> Result:
        return result_of(self.channels)


class People(Protocol):
    def student_number_index(self, student_number: str) -> bytes: ...

    def taken(self, session: Session, indexes: Sequence[bytes]) -> dict[bytes, UUID]: ...


class Reach(Protocol):
    def reaches(self, session: Session, client_id: UUID, graduate_id: UUID) -> bool:
        """Whether this client may write to this graduate; False for one that does not exist."""
        ...


class PartnerSending:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        people: People,
        reach: Reach,
        limits: RateLimiter,
        log: EventLog,
        queue: JobQueue,
        clock: Clock,
        quiet: QuietHours,
    ) -> None:
        """``quiet``: the house's own hours."""
        self._db, self._keys, self._people, self._reach = db, keys, people, reach
        self._limits, self._log, self._queue, self._clock, self._quiet = limits, log, queue, clock, quiet

    def send(
        self, actor: Actor, kind: Kind, recipient: Recipient, given: Mapping[str, Any], *, sandbox: bool
    ) -> SentNotice:
        """Take a notice; the worker looks for the recipient. From the ``sandbox`` nobody is looked for.

        Raises Invalid with a fault per field, RateLimited beyond PER_PERSON for one recipient or PER_CLIENT for all of
        them in a day. Staff are told of a client that comes to its limit.
        """
        now = self._clock.now()
        fields = partner_notices.checked(kind, given, office_date(now))
        # inside the caller's transaction, so that a retry that is answered from the store is not counted
        self._limits.hit("partner-notice", f"{actor.id}:{self._named(recipient)}", limit=PER_PERSON, window_s=DAY_S)
        left = self._limits.hit("partner-notices", str(actor.id), limit=PER_CLIENT, window_s=DAY_S)
        house, number = self._keys.house(), new_id()
        said = {"number": recipient.student_number, "graduate": str(recipient.graduate or "")}
        row = PartnerNotice(
            id=number,
            client_id=actor.id,
            kind=kind,
            fields=fields,
            catalogue_version=CATALOGUE_VERSION,
            state=Progress.SIMULATED if sandbox else Progress.ACCEPTED,
            sealed_recipient=None if sandbox else seal_json(house, recipient_place(number), said),
            created_at=now,
            settled_at=now if sandbox else None,
        )
        with self._db.transaction() as session:
            session.add(row)
            session.flush()
            asked = {"kind": kind.value, "sandbox": sandbox}
            self._log.record(session, actor, ASKED, object_kind="partner_notice", object_id=number, data=asked)
            if not sandbox:
                self._queue.enqueue(session, SendPartnerNotice(number))
            if left == 0:
                self._tell_staff(session, actor)
            return self._view(session, row)

    def _tell_staff(self, session: Session, actor: Actor) -> None:
        """Once a day: at its limit a client comes to it with every notice that a passing minute makes room for."""
        try:
            self._limits.hit("partner-notices-told", str(actor.id), limit=1, window_s=DAY_S)
        except RateLimited:
            return
        event = self._log.record(session, actor, CAPPED, object_kind="partner", object_id=actor.id)
        self._queue.enqueue(session, Announce(event))

    def _named(self, recipient: Recipient) -> str:
        """The same for every way of writing one number."""
        if recipient.student_number is not None:
            return self._people.student_number_index(recipient.student_number).hex()
        return str(recipient.graduate)

    def one(self, actor: Actor, notice_id: UUID) -> SentNotice:
        """Raises NotFound('notice_not_found'), also for another client's."""
        with self._db.transaction() as session:
            row = session.get(PartnerNotice, notice_id)
            if row is None or row.client_id != actor.id:
                raise NotFound("notice_not_found")
            return self._view(session, row)

    # --- the worker ---------------------------------------------------------------------------------------------------

    def work(self, job: SendPartnerNotice) -> None:
        """Look for the recipient and tell them the usual way. Running twice tells once."""
        house = self._keys.house()
        with self._db.transaction() as session:
            row = session.get(PartnerNotice, job.notice_id, with_for_update=True)
            if row is None or row.state is not Progress.ACCEPTED or row.sealed_recipient is None:
                return
            said = open_json(house, recipient_place(row.id), row.sealed_recipient)
            graduate = self._meant(session, row.client_id, said)
            if graduate is not None and self._has_room(session, row.client_id, graduate):
                row.event_id = self._tell(session, row, graduate)
            row.state, row.sealed_recipient, row.settled_at = Progress.HANDLED, None, self._clock.now()

    def _meant(self, session: Session, client_id: UUID, said: Mapping[str, Any]) -> UUID | None:
        if said["graduate"]:
            found: UUID | None = UUID(said["graduate"])
        else:
            index = self._people.student_number_index(said["number"])
            found = self._people.taken(session, [index]).get(index)
        return found if found is not None and self._reach.reaches(session, client_id, found) else None

    def _has_room(self, session: Session, client_id: UUID, graduate: UUID) -> bool:
        """Counted again by who it is: a number and an id may name one person."""
        session.execute(_COUNTING, {"who": f"{client_id}:{graduate}"})
        since = self._clock.now() - timedelta(seconds=DAY_S)
        query = select(func.count(Event.id)).where(
            Event.graduate_id == graduate, Event.type == EVENT, Event.actor_id == client_id, Event.at > since
        )
        return (session.scalar(query) or 0) < PER_PERSON

    def _tell(self, session: Session, row: PartnerNotice, graduate: UUID) -> UUID:
        event = self._log.record(
            session,
            Actor(ActorKind.PARTNER, row.client_id),
            EVENT,
            graduate_id=graduate,
            object_kind="partner_notice",
            object_id=row.id,
            data={"kind": row.kind.value, **row.fields},
        )
        self._queue.enqueue(session, Announce(event))
        return event

    def sweep(self) -> int:
        """Forget what is older than KEEP, SWEPT at most; how many. Inboxes and the log keep what was told."""
        old = select(PartnerNotice.id).where(PartnerNotice.created_at < self._clock.now() - KEEP).limit(SWEPT)
        with self._db.transaction() as session:
            done = session.execute(delete(PartnerNotice).where(PartnerNotice.id.in_(old)))
            return int(getattr(done, "rowcount", 0))

    # --- status -------------------------------------------------------------------------------------------------------

    def _view(self, session: Session, row: PartnerNotice) -> SentNotice:
        words = self._words(row)
        simulated = row.state is Progress.SIMULATED
        return SentNotice(
            row.id,
            row.kind,
            words.title,
            words.body,
            row.created_at,
            simulated,
            {"inbox": Told.SIMULATED if simulated else Told.ACCEPTED, **self._reached(session, row)},
        )

    @staticmethod
    def _words(row: PartnerNotice) -> NoticeText:
        """In the edition it was taken in, whether or not there was anybody to tell."""
        words = notice_for(EVENT, {"kind": row.kind.value, **row.fields}, row.catalogue_version)
        if words is None:
            raise LookupError(f"the catalogue has no words for {row.kind.value}")
        return words

    def _reached(self, session: Session, row: PartnerNotice) -> dict[str, Told]:
        """By channel. A person without accounts, one out of reach and one that does not exist look alike."""
        if row.state is not Progress.HANDLED:
            waits = Told.SIMULATED if row.state is Progress.SIMULATED else Told.WAITING
            return {way.value: waits for way in CHANNELS}
        latest: dict[str, Told] = {}
        if row.event_id is not None:
            query = (
                select(PlatformIdentity.platform, DeliveryAttempt.state)
                .join(DeliveryAttempt, DeliveryAttempt.identity_id == PlatformIdentity.id)
                .join(Notice, Notice.id == DeliveryAttempt.notice_id)
                .where(Notice.event_id == row.event_id)
                .order_by(DeliveryAttempt.number)
            )
            for platform, state in session.execute(query):
                latest[platform.value] = _OF_ATTEMPT.get(state, Told.WAITING)
            latest |= self._written(session, row.event_id)
        without = Told.WAITING if self._may_still_come(row.settled_at) else Told.NONE
        return {way.value: latest.get(way.value, without) for way in CHANNELS}

    @staticmethod
    def _written(session: Session, event_id: UUID) -> dict[str, Told]:
        """The letters in place of pushes; one that was not needed any more is as good as none."""
        query = (
            select(ContactAttempt.kind, ContactAttempt.state, ContactAttempt.reason)
            .join(Notice, Notice.id == ContactAttempt.notice_id)
            .where(Notice.event_id == event_id)
            .order_by(ContactAttempt.number)
        )
        last = {kind: (state, reason) for kind, state, reason in session.execute(query)}
        return {
            CHANNEL_OF[kind].value: _OF_ATTEMPT.get(state, Told.WAITING)
            for kind, (state, reason) in last.items()
            if reason != ARRIVED_OTHERWISE
        }

    def _may_still_come(self, settled: datetime | None) -> bool:
        """Judged alike for everybody, by the house's hours: when a person's own push is held until would say that there
        is such a person.
        """
        if settled is None:
            return True
        # what is handled just before the quiet hours may fall into them on its way
        held = self._quiet.until(settled) or self._quiet.until(settled + PATIENCE)
        return self._clock.now() < (held or settled) + PATIENCE
