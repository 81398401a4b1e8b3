"""What a graduate chose: which topics come by which channel, and when nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database
from app.errors import FieldFault, Invalid, VersionMismatch
from app.events import EventLog
from app.ports import Clock
from notifications.catalogue.text import Topic
from notifications.channel_models import NoticePreference
from notifications.channel_rules import Channel, Choices, QuietHours, fixed, hour, pair


@dataclass(frozen=True, slots=True)
class Choice:
    topic: Topic
    channel: Channel
    wanted: bool
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class PreferencesView:
    """``version`` 0: the shipped choices hold, nothing was changed yet. Hours as HH:MM in Beijing time."""

    version: int
    choices: Sequence[Choice]
    quiet: bool
    quiet_begins: str
    quiet_ends: str
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class QuietWish:
    on: bool
    begins: str
    ends: str


class PreferenceService:
    def __init__(self, db: Database, log: EventLog, clock: Clock, quiet: QuietHours) -> None:
        """``quiet``: the hours of those who chose none."""
        self._db, self._log, self._clock, self._quiet = db, log, clock, quiet

    def read(self, actor: Actor) -> PreferencesView:
        with self._db.transaction() as session:
            return self._view(session.get(NoticePreference, actor.id))

    def choices_of(self, session: Session, graduate_id: UUID) -> Choices:
        return self._choices(session.get(NoticePreference, graduate_id))

    def change(self, actor: Actor, version: int, wanted: Sequence[Choice], quiet: QuietWish) -> PreferencesView:
        """``wanted`` holds what changes; what it does not name stays. ``version`` is the one seen.

        Raises VersionMismatch; Invalid naming each choice that cannot be switched off or stands twice, and hours that
        are none.
        """
        self._check(wanted, quiet)
        with self._db.transaction() as session:
            row = self._locked(session, actor.id)
            if row.version != version:
                raise VersionMismatch
            off = set(row.off)
            for each in wanted:
                (off.discard if each.wanted else off.add)(pair(each.topic, each.channel))
            row.version, row.off, row.updated_at = version + 1, sorted(off), self._clock.now()
            row.quiet, row.quiet_begins, row.quiet_ends = quiet.on, quiet.begins, quiet.ends
            self._log.record(session, actor, "preferences.changed", graduate_id=actor.id, data={"off": row.off})
            session.flush()
            return self._view(row)

    def _locked(self, session: Session, graduate_id: UUID) -> NoticePreference:
        """The row, made with the shipped choices where there is none: without one there is nothing to lock, and of two
        first changes at once both would be of version 0.
        """
        hours = {"quiet_begins": f"{self._quiet.begins:%H:%M}", "quiet_ends": f"{self._quiet.ends:%H:%M}"}
        session.execute(
            insert(NoticePreference)
            .values(
                graduate_id=graduate_id, version=0, quiet=self._quiet.on, off=[], updated_at=self._clock.now(), **hours
            )
            .on_conflict_do_nothing(index_elements=["graduate_id"])
        )
        return session.get_one(NoticePreference, graduate_id, with_for_update=True, populate_existing=True)

    @staticmethod
    def _check(wanted: Sequence[Choice], quiet: QuietWish) -> None:
        faults, seen = [], set()
        for n, each in enumerate(wanted):
            key = pair(each.topic, each.channel)
            if fixed(each.topic, each.channel) and not each.wanted:
                faults.append(FieldFault(f"/choices/{n}/wanted", "choice_fixed"))
            if key in seen:
                faults.append(FieldFault(f"/choices/{n}", "choice_twice"))
            seen.add(key)
        for name, value in (("begins", quiet.begins), ("ends", quiet.ends)):
            try:
                hour(value)
            except ValueError:
                faults.append(FieldFault(f"/quiet_hours/{name}", "hour_malformed"))
        if faults:
            raise Invalid("preferences_invalid", faults=faults)

    def _choices(self, row: NoticePreference | None) -> Choices:
        if row is None:
            return Choices(frozenset(), self._quiet)
        return Choices(frozenset(row.off), QuietHours(row.quiet, hour(row.quiet_begins), hour(row.quiet_ends)))

    def _view(self, row: NoticePreference | None) -> PreferencesView:
        choices = self._choices(row)
        quiet = choices.quiet
        return PreferencesView(
            row.version if row is not None else 0,
            [Choice(t, c, choices.wants(t, c), fixed(t, c)) for t in Topic for c in Channel],
            quiet.on,
            f"{quiet.begins:%H:%M}",
            f"{quiet.ends:%H:%M}",
            row.updated_at if row is not None else None,
        )


def shipped(begins: str, ends: str) -> QuietHours:
    """The house's own hours; none where both are the same."""
    return QuietHours(begins != ends, hour(begins), hour(ends))
