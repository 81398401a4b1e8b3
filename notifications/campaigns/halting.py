"""Whether a campaign still wants its pushes and letters, asked once more when each is about to go out.

What a pause holds is marked, and delivered in slices when the campaign goes on; what a cancelled campaign did not send
by then stays in the inbox alone.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.jobs import DeliverByContact, DeliverNotice, JobQueue
from notifications.campaigns.models import CampaignRecipient, NoticeCampaign
from notifications.campaigns.rules import State
from notifications.campaigns.texts import EVENT_TYPE
from notifications.channel_models import ContactAttempt
from notifications.models import AttemptState, Notice

LOCK = "campaign:"
_QUEUED = text(
    "select count(distinct r.notice_id) from notice_campaign_recipient r"
    " join procrastinate_jobs j on j.args->>'notice_id' = r.notice_id::text"
    " where r.campaign_id = :campaign and j.status = 'todo' and j.task_name in (:push, :letter)"
)


class Halt(StrEnum):
    HELD = "held"
    CANCELLED = "cancelled"


def await_begun(session: Session, campaign_id: UUID) -> None:
    """Before the campaign's row is locked: whatever is just being begun is begun before the campaign stops, not after.

    A lock of its own, which lets those who wait pass in turn: on the campaign's row a slice would wait with them.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{LOCK}{campaign_id}", 0))))


def halted(session: Session, notice: Notice, *, begins: bool = False) -> Halt | None:
    """None for what goes out. What is held comes again by ``release``: nobody has to ask until then. ``begins``: this
    transaction begins it unless it is held, and who pauses or cancels waits for its end.
    """
    if notice.event_type != EVENT_TYPE:
        return None
    if begins:
        key = func.hashtextextended(func.concat(LOCK, CampaignRecipient.campaign_id), 0)
        mine_alone = select(func.pg_advisory_xact_lock_shared(key)).where(CampaignRecipient.notice_id == notice.id)
        session.execute(mine_alone)
    mine = (
        select(NoticeCampaign.state)
        .join(CampaignRecipient, CampaignRecipient.campaign_id == NoticeCampaign.id)
        .where(CampaignRecipient.notice_id == notice.id)
    )
    state = session.scalar(mine)
    if state is State.PAUSED:
        # behind whoever resumes it now: either they find the mark, or this finds the campaign running
        state = session.scalar(mine.with_for_update(read=True, of=NoticeCampaign))
    if state is State.PAUSED:
        session.execute(update(CampaignRecipient).where(CampaignRecipient.notice_id == notice.id).values(held=True))
        return Halt.HELD
    return Halt.CANCELLED if state is State.CANCELLED else None


def release(session: Session, queue: JobQueue, campaign_id: UUID, most: int) -> int:
    """Of a campaign that goes on, or was cancelled: up to so many of those held are delivered; how many."""
    held = select(CampaignRecipient.notice_id).where(CampaignRecipient.campaign_id == campaign_id)
    found = session.scalars(held.where(CampaignRecipient.held, CampaignRecipient.notice_id.is_not(None)).limit(most))
    notices = [notice_id for notice_id in found if notice_id is not None]
    waiting = (
        select(ContactAttempt.notice_id, ContactAttempt.contact_id)
        .where(
            ContactAttempt.notice_id.in_(notices),
            # also one whose worker died: nobody else asks after it
            ContactAttempt.state.in_((AttemptState.RETRY, AttemptState.SENDING)),
            ContactAttempt.contact_id.is_not(None),
        )
        .distinct()
    )
    letters = [
        DeliverByContact(notice_id, contact_id, bulk=True)
        for notice_id, contact_id in session.execute(waiting)
        if contact_id is not None
    ]
    session.execute(update(CampaignRecipient).where(CampaignRecipient.notice_id.in_(notices)).values(held=False))
    queue.enqueue_many(session, [DeliverNotice(notice_id, bulk=True) for notice_id in notices])
    queue.enqueue_many(session, letters)
    return len(notices)


def queued(session: Session, campaign_id: UUID) -> int:
    """For how many recipients a push or a letter is still to be tried."""
    names = {"push": DeliverNotice.name, "letter": DeliverByContact.name}
    return session.scalar(_QUEUED, {"campaign": campaign_id, **names}) or 0
