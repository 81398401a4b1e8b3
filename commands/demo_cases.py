"""A few cases under way, so that the demo's queue and transfers are not empty."""

from __future__ import annotations

import secrets
from uuid import UUID

from app.actors import Actor, ActorKind, Assurance, Purpose, Role, StepUp
from app.corrections.rules import Kind
from app.corrections.views import OpenTicket
from app.dossiers.rules import Section
from app.jobs import Announce, AnswerChat
from app.ports import Platform, PlatformAccount
from app.receivers.rules import DestinationCase, ReceiverKind
from app.receivers.views import Wanted
from app.transfers.destination import Destination
from app.transfers.states import State
from parts import Lantai


def _graduate(parts: Lantai, graduate_id: UUID) -> Actor:
    """The graduate as after a fresh step-up."""
    step_up = StepUp(Purpose.VIEW_DOSSIER, parts.clock.now())
    return Actor(ActorKind.GRADUATE, graduate_id, assurance=Assurance.L3_STEPPED_UP, step_ups=(step_up,))


def open_tickets(parts: Lantai, graduates: list[UUID]) -> None:
    """A wrong grade, a missing material and a wrong class, one of each for the first three."""
    first, second, third = (_graduate(parts, g) for g in graduates[:3])
    course = parts.dossiers.section(first, Section.COURSE).records[0]
    parts.corrections.open_ticket(
        first,
        OpenTicket(
            Kind.TRANSCRIPTION, "成绩单原件为 96 分，电子记录录入有误。", course.id, course.version, {"grade": "96"}
        ),
    )
    parts.corrections.open_ticket(second, OpenTicket(Kind.MISSING_MATERIAL, "缺少大三学年的三好学生登记表。"))
    enrolment = parts.dossiers.section(third, Section.ENROLMENT).records[0]
    parts.corrections.open_ticket(
        third,
        OpenTicket(
            Kind.TRANSCRIPTION, "班级写错了一个数字。", enrolment.id, enrolment.version, {"class_name": "档案学2203班"}
        ),
    )


def open_transfer(parts: Lantai, dispatcher: UUID, graduate_id: UUID) -> None:
    """One transfer that has come to the school's approval."""
    actor = Actor(ActorKind.STAFF, dispatcher, frozenset({Role.DISPATCHER, Role.ARCHIVIST}))
    receiver = parts.receivers.search(actor, Wanted(kind=ReceiverKind.PUBLIC_BODY), limit=1).lines[0]
    parts.destinations.open(actor, graduate_id, Destination(DestinationCase.UNEMPLOYED, receiver.code))
    (view,) = parts.transfers.of_graduate(actor, graduate_id)
    for state in (State.DESTINATION_REGISTERED, State.COLLEGE_REVIEWED, State.SCHOOL_APPROVED):
        view = parts.transfers.move(actor, view.id, view.version, state)


def open_chat(parts: Lantai, graduate_id: UUID) -> None:
    """A conversation that waits for staff: two questions the bot answered, then the wish for a person."""
    account = PlatformAccount(Platform.ALIPAY, parts.settings.alipay_app_id, f"demo-{secrets.token_hex(8)}")
    with parts.db.transaction() as session:
        identity = parts.people.remember_identity(session, account)
        parts.people.bind(session, identity.id, graduate_id)
        actor = Actor(ActorKind.GRADUATE, graduate_id, identity_id=identity.id)
        # no account is bound without its line in the log and its notice, not even a sample
        bound = parts.log.record(
            session, actor, "account.bound", graduate_id=graduate_id, object_kind="identity", object_id=identity.id
        )
        parts.queue.enqueue(session, Announce(bound))
    for text in ("我的档案还缺什么材料", "机要和EMS有什么区别", "转人工"):
        # answered here, in order: the worker may run or not while the sample is laid down
        parts.chat_answering.answer(AnswerChat(parts.chat.say(actor, text).id))
