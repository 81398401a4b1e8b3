"""Which messages ended without arriving: the last push to each account, and the last letter of each kind.

A letter stands in for a push: once anything of its notice was sent, and while another letter or a push is under way, it
lacks nothing. A push lacks nothing while its letter is under way or once that was sent; but each account has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.people.models import IdentityState, PlatformIdentity
from app.ports import SendFault
from notifications.channel_models import ContactAttempt, NoticeContact
from notifications.fault_actions import DROPPED, IDLE
from notifications.models import AttemptState, DeliveryAttempt, Notice

KEEP = timedelta(days=30)
ENDED = (AttemptState.FAILED, AttemptState.UNKNOWN)
_OTHER, _NEXT = aliased(ContactAttempt), aliased(ContactAttempt)
_LATER, _TRIED = aliased(DeliveryAttempt), aliased(DeliveryAttempt)
_OF_NOTICE = _OTHER.notice_id == ContactAttempt.notice_id
_PUSHED = DeliveryAttempt.notice_id == ContactAttempt.notice_id
_WRITTEN = _OTHER.notice_id == DeliveryAttempt.notice_id
_FOLLOWED = exists().where(_NEXT.notice_id == _OTHER.notice_id, _NEXT.kind == _OTHER.kind, _NEXT.number > _OTHER.number)
_PUSHED_LATER = exists().where(
    _LATER.notice_id == DeliveryAttempt.notice_id,
    _LATER.identity_id == DeliveryAttempt.identity_id,
    _LATER.number > DeliveryAttempt.number,
)
_LIVE = or_(
    _OTHER.state.in_((AttemptState.SENT, AttemptState.SENDING)), and_(_OTHER.state == AttemptState.RETRY, ~_FOLLOWED)
)
_PUSH_LIVE = or_(
    DeliveryAttempt.state.in_((AttemptState.SENT, AttemptState.SENDING)),
    and_(DeliveryAttempt.state == AttemptState.RETRY, ~_PUSHED_LATER),
)


def _open_end(state: InstrumentedAttribute[AttemptState], reason: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """What may arrive twice was tried again after an open end, too."""
    return or_(state == AttemptState.UNKNOWN, reason.startswith(f"{SendFault.UNKNOWN.value}:"))


def _kind(reason: InstrumentedAttribute[str]) -> ColumnElement[str]:
    return func.split_part(reason, ":", 1)


LETTER_DOUBTFUL: ColumnElement[bool] = or_(
    exists().where(_OF_NOTICE, _open_end(_OTHER.state, _OTHER.reason)),
    exists().where(_PUSHED, _open_end(DeliveryAttempt.state, DeliveryAttempt.reason)),
)
PUSH_DOUBTFUL: ColumnElement[bool] = or_(
    exists().where(
        _TRIED.notice_id == DeliveryAttempt.notice_id,
        _TRIED.identity_id == DeliveryAttempt.identity_id,
        _open_end(_TRIED.state, _TRIED.reason),
    ),
    exists().where(_WRITTEN, or_(_LIVE, _open_end(_OTHER.state, _OTHER.reason))),
)
PUSH_LACKS: ColumnElement[bool] = and_(
    _kind(DeliveryAttempt.reason).not_in(IDLE),
    ~and_(
        _kind(DeliveryAttempt.reason) == SendFault.RECIPIENT.value,
        or_(PlatformIdentity.unreachable_at.is_not(None), PlatformIdentity.state != IdentityState.BOUND),
    ),
    ~exists().where(_WRITTEN, _LIVE),
)
"""Of ``pushes``: those about which staff can do something."""
LETTER_LACKS: ColumnElement[bool] = and_(
    _kind(ContactAttempt.reason).not_in(IDLE),
    or_(_kind(ContactAttempt.reason) != SendFault.RECIPIENT.value, NoticeContact.id.is_not(None)),
)
"""The same of ``letters``."""


def pushes() -> Select[DeliveryAttempt, Notice, PlatformIdentity, bool]:
    """With whether the graduate may have it already, by this account or by letter."""
    return (
        select(DeliveryAttempt, Notice, PlatformIdentity, PUSH_DOUBTFUL)
        .join(Notice, Notice.id == DeliveryAttempt.notice_id)
        .join(PlatformIdentity, PlatformIdentity.id == DeliveryAttempt.identity_id)
        .where(DeliveryAttempt.state.in_(ENDED), ~_PUSHED_LATER)
    )


def letters() -> Select[ContactAttempt, Notice, UUID | None, bool]:
    """With the address of that kind that may be written to now, and whether the notice may have arrived, by any way."""
    address = and_(
        NoticeContact.graduate_id == Notice.graduate_id,
        NoticeContact.kind == ContactAttempt.kind,
        NoticeContact.verified_at.is_not(None),
        NoticeContact.unreachable_at.is_(None),
    )
    return (
        select(ContactAttempt, Notice, NoticeContact.id, LETTER_DOUBTFUL)
        .join(Notice, Notice.id == ContactAttempt.notice_id)
        .outerjoin(NoticeContact, address)
        .where(
            ContactAttempt.state.in_(ENDED),
            ~exists().where(_OF_NOTICE, _OTHER.kind == ContactAttempt.kind, _OTHER.number > ContactAttempt.number),
            ~exists().where(_OF_NOTICE, _LIVE),
            ~exists().where(_PUSHED, _PUSH_LIVE),
        )
    )


def push_counts(session: Session, now: datetime) -> Mapping[str, int]:
    """How many of the last 30 days, by the kind of fault. What nobody wanted any more did not fail."""
    return _counted(session, pushes().where(DeliveryAttempt.created_at > now - KEEP), _kind(DeliveryAttempt.reason))


def letter_counts(session: Session, now: datetime) -> Mapping[str, int]:
    """The same of letters."""
    return _counted(session, letters().where(ContactAttempt.created_at > now - KEEP), _kind(ContactAttempt.reason))


def _counted(session: Session, query: Any, kind: ColumnElement[str]) -> Mapping[str, int]:
    rows = session.execute(query.where(kind.not_in(DROPPED)).with_only_columns(kind, func.count()).group_by(kind))
    return {str(each): int(number) for each, number in rows}
