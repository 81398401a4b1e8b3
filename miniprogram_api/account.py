"""Me: the card, bound accounts, TOTP, the status at a glance, the inbox and subscriptions."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.actors import Assurance, Purpose
from app.ports import Platform
from auth.guards import current_actor, current_view, graduate
from miniprogram_api.door import In, Out, PageIn, api, lantai, page_of, read_cursor
from notifications.catalogue.text import Template


class CardOut(Out):
    name: str
    student_number: str
    id_number: str
    phone: str


class MeOut(Out):
    platform: Platform | None
    bound: bool
    assurance: int = Field(description="0 session, 1 claimed, 2 proofed, 3 stepped up")
    card: CardOut | None = Field(description="Masked; null until bound")
    cohort_year: int | None
    college: str | None
    major: str | None
    changes_held_until: datetime | None


class StatusOut(Out):
    dossier_state: str
    transfer_state: str | None
    transfer_label: str | None
    transfer_next: str | None
    transfer_moved_at: datetime | None
    unread_notices: int


class IdentityOut(Out):
    id: UUID
    platform: Platform
    bound_at: datetime | None
    current: bool


class IdentitiesOut(Out):
    items: list[IdentityOut]


class EnrolmentOut(Out):
    secret: str = Field(description="Base32, shown once")
    uri: str = Field(description="otpauth URI, shown once")


class CodeIn(In):
    code: str = Field(pattern=r"^[0-9]{6}$")


class NoticeOut(Out):
    id: UUID
    title: str
    body: str
    check_code: str | None = Field(description="What the message shows on every channel; null before there were codes")
    object_kind: str
    object_id: UUID | None
    created_at: datetime
    read_at: datetime | None


class NoticesOut(Out):
    items: list[NoticeOut]
    next: str | None
    unread: int


class SubscriptionOut(Out):
    template: Template
    template_id: str
    accepted: bool
    credits: int = Field(description="Estimate of one-shot credits left; 0 where nobody counts them, see words")
    long_term: bool = Field(description="Agreed to once for any number of messages; has no credits")
    words: str = Field(description="What to show, in Chinese: 还可接收约 N 条 and the like")
    updated_at: datetime | None


class SubscriptionsOut(Out):
    items: list[SubscriptionOut]


class SubscriptionIn(In):
    accepted: bool


@api.get("/me")
@graduate(bound=False)
@api.output(MeOut)
def me() -> MeOut:
    """Who this session is, masked."""
    view = current_view()
    found = lantai().people.graduate(view.actor.id) if view.bound else None
    return MeOut(
        platform=view.platform,
        bound=view.bound,
        assurance=int(view.actor.assurance),
        card=CardOut.model_validate(found.card.masked()) if found else None,
        cohort_year=found.cohort_year if found else None,
        college=found.college if found else None,
        major=found.major if found else None,
        changes_held_until=found.changes_held_until if found else None,
    )


@api.get("/status")
@graduate()
@api.output(StatusOut)
def status() -> StatusOut:
    """The dossier's state at a glance; no personal data, so no step-up."""
    parts, actor = lantai(), current_actor()
    transfers = parts.transfers.of_graduate(actor, actor.id)
    _, unread = parts.inbox.notices(actor, before=None, limit=1)
    latest = transfers[0] if transfers else None
    return StatusOut(
        dossier_state=parts.dossiers.state_of(actor.id).value,
        transfer_state=latest.state.value if latest else None,
        transfer_label=latest.state_label if latest else None,
        transfer_next=latest.next_words if latest else None,
        transfer_moved_at=latest.moved_at if latest else None,
        unread_notices=unread,
    )


@api.get("/me/identities")
@graduate(Assurance.L2_PROOFED)
@api.output(IdentitiesOut)
def identities() -> IdentitiesOut:
    """Accounts bound to this dossier."""
    actor = current_actor()
    return IdentitiesOut(
        items=[
            IdentityOut(id=i.id, platform=i.platform, bound_at=i.bound_at, current=i.id == actor.identity_id)
            for i in lantai().accounts.identities(actor)
        ]
    )


@api.delete("/me/identities/<uuid:identity_id>")
@graduate(Assurance.L2_PROOFED)
@api.output({}, status_code=204)
def unbind(identity_id: UUID) -> tuple[str, int]:
    """Part an account from the dossier; its sessions end at once."""
    lantai().accounts.unbind(current_actor(), identity_id)
    return "", 204


@api.post("/me/totp")
@graduate(purpose=Purpose.MANAGE_ACCOUNT)
@api.output(EnrolmentOut, status_code=201)
def enrol_totp() -> EnrolmentOut:
    """Begin to enrol a one-time password; in force after the first right code."""
    return EnrolmentOut.model_validate(lantai().totp.enrol(current_actor()))


@api.post("/me/totp/confirmation")
@graduate(purpose=Purpose.MANAGE_ACCOUNT)
@api.input(CodeIn, arg_name="body")
@api.output({}, status_code=204)
def confirm_totp(body: CodeIn) -> tuple[str, int]:
    """Confirm the enrolment with a code."""
    lantai().totp.confirm(current_actor(), body.code)
    return "", 204


@api.delete("/me/totp")
@graduate(purpose=Purpose.MANAGE_ACCOUNT)
@api.output({}, status_code=204)
def remove_totp() -> tuple[str, int]:
    """Stop using the one-time password."""
    lantai().totp.remove(current_actor())
    return "", 204


@api.get("/notices")
@graduate()
@api.input(PageIn, location="query", arg_name="query")
@api.output(NoticesOut)
def notices(query: PageIn) -> NoticesOut:
    """The inbox, newest first."""
    rows, unread = lantai().inbox.notices(current_actor(), before=read_cursor(query.cursor), limit=query.limit + 1)
    page, following = page_of(rows, query.limit, lambda n: n.serial)
    return NoticesOut(items=[NoticeOut.model_validate(n) for n in page], next=following, unread=unread)


@api.put("/notices/<uuid:notice_id>/read")
@graduate()
@api.output(NoticeOut)
def read_notice(notice_id: UUID) -> NoticeOut:
    """Mark one notice as read."""
    return NoticeOut.model_validate(lantai().inbox.mark_read(current_actor(), notice_id))


@api.get("/subscriptions")
@graduate()
@api.output(SubscriptionsOut)
def subscriptions() -> SubscriptionsOut:
    """Message templates and this account's choice for each."""
    view = current_view()
    rows = lantai().subscriptions.list(view.actor, view.platform.value if view.platform else "")
    return SubscriptionsOut(items=[SubscriptionOut.model_validate(r) for r in rows])


@api.put("/subscriptions/<template>")
@graduate()
@api.input(SubscriptionIn, arg_name="body")
@api.output(SubscriptionsOut)
def choose_subscription(template: str, body: SubscriptionIn) -> SubscriptionsOut:
    """Record what the person chose in the platform's dialogue."""
    view = current_view()
    lantai().subscriptions.record_choice(view.actor, template, accepted=body.accepted)
    rows = lantai().subscriptions.list(view.actor, view.platform.value if view.platform else "")
    return SubscriptionsOut(items=[SubscriptionOut.model_validate(r) for r in rows])
