"""From an event to the inbox: the line of the person whom it concerns, and the hint to the staff's group."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.db import Database, new_id
from app.events import Event
from app.jobs import Announce, DeliverNotice
from app.ports import Clock
from notifications.catalogue.editions import CATALOGUE_VERSION
from notifications.catalogue.staff_lines import staff_line_for
from notifications.catalogue.text import NoticeText
from notifications.catalogue.words import notice_for
from notifications.channels import Channels
from notifications.models import Notice
from notifications.staff_lines import StaffLines


class Announcer:
    def __init__(
        self,
        db: Database,
        channels: Channels,
        lines: StaffLines,
        deliver: Callable[[DeliverNotice], None],
        clock: Clock,
    ) -> None:
        self._db, self._channels, self._lines = db, channels, lines
        self._deliver, self._clock = deliver, clock
        self._refused: set[str] = set()

    def tell(self, job: Announce) -> None:
        """Announce, and push at once: a job of its own for the push would cost as much again as the push. Whatever is
        killed, this job comes back and finds what is done by its rows.
        """
        push = self.announce(job)
        if push is not None:
            self._deliver(push)

    def announce(self, job: Announce) -> DeliverNotice | None:
        """Write the inbox line; gives the push that follows from it, if any. Running twice writes once.

        What concerns the staff goes to their group: a hint without a name, so a second one does no harm.
        """
        with self._db.transaction() as session:
            event = session.scalar(select(Event).where(Event.public_id == job.event_id))
            if event is None:
                return None
            text = notice_for(event.type, event.data)
            notice_id = self._write(session, event) if event.graduate_id is not None and text is not None else None
        staff_line = staff_line_for(event.type, event.data)
        if staff_line is not None:
            self._lines.say(staff_line)
        if notice_id is None or text is None:
            return None
        self.tell_of_faults(text, notice_id, self._clock.now())
        return DeliverNotice(notice_id)

    def _write(self, session: Session, event: Event) -> UUID:
        notice_id = new_id()
        made = session.execute(
            insert(Notice)
            .values(
                id=notice_id,
                graduate_id=event.graduate_id,
                event_id=event.public_id,
                event_type=event.type,
                data=event.data,
                catalogue_version=CATALOGUE_VERSION,
                object_kind=event.object_kind,
                object_id=event.object_id,
                check_hash=self._channels.writer.hash_of(notice_id),
                created_at=self._clock.now(),
            )
            .on_conflict_do_nothing(index_elements=["event_id"])
            .returning(Notice.id)
        ).scalar()
        # none: this job has run before
        return made or session.scalars(select(Notice.id).where(Notice.event_id == event.public_id)).one()

    def tell_of_faults(self, text: NoticeText, notice_id: UUID, at: datetime) -> None:
        """Words that a platform would refuse are not pushed there. Staff hear of each fault once.

        ``notice_id`` and ``at`` are of one message in these words: they fill its fields.
        """
        for platform in self._channels.senders:
            for fault in self._channels.writer.faults(platform, text, notice_id, at):
                words = f"{text.key}（{text.version}）{platform.value} {fault}"
                if words not in self._refused:
                    self._refused.add(words)
                    self._lines.say(f"通知文字不符合平台取值规则，推送已停、站内通知照发：{words}，请联系运维人员")
