"""Outside systems send notices through the school's catalogue; a client sees its own only, another's is absent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Annotated, Any
from uuid import UUID

from flask import Response, request, url_for
from pydantic import Field

from app.errors import FieldFault, Invalid, NotFound
from auth.guards import current_machine, in_sandbox, machine, public
from auth.rules import Scope
from notifications.partner_notices import MATERIALS, OFFERS, PLACES, Kind, schema
from notifications.partner_sending import Recipient, SentNotice
from partner_api import door
from partner_api.describing import Answer, Description, describes
from partner_api.door import lantai, machines
from partner_api.records import Strict
from partner_api.replies import NoticeKindTable, NoticeReply

Number = Annotated[str, Field(min_length=1, max_length=60, title="学号")]
ABSENT, REUSED = NotFound("notice_not_found"), Invalid("idempotency_key_reused")


class NoticeRecipient(Strict):
    """One of the two: a student number, or the id by which events name a graduate."""

    student_number: Number | None = None
    graduate: UUID | None = Field(None, strict=False)


class NewNotice(Strict):
    """``fields`` go by the kind's schema at ``/notice-kinds``."""

    kind: Kind = Field(strict=False)
    recipient: NoticeRecipient
    fields: dict[str, Any] = Field(max_length=10)


def _shown(notice: SentNotice) -> NoticeReply:
    return {
        "id": str(notice.id),
        "kind": notice.kind.value,
        "simulated": notice.simulated,
        "preview": {"title": notice.title, "body": notice.body},
        "created_at": notice.created_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "channels": [{"channel": name, "state": state.value} for name, state in notice.channels.items()],
        "result": notice.result.value,
        "links": {"self": url_for("machines.notice", notice_id=notice.id)},
    }


def _recipient(said: NoticeRecipient) -> Recipient:
    """Raises Invalid where neither or both are named."""
    if (said.student_number is None) is (said.graduate is None):
        raise Invalid("notice_recipient", faults=[FieldFault("/recipient", "wrong")])
    return Recipient(said.student_number, said.graduate)


@machines.get("/notice-kinds")
@public("the description of the door holds no data")
@describes(Description({200: Answer(NoticeKindTable)}))
def notice_kinds() -> Response:
    """The notices that may be sent, with the JSON Schema of their fields and the words of the lists."""
    door.only_query()
    words: Mapping[str, str] = {**PLACES, **MATERIALS}
    table: NoticeKindTable = {
        "items": [{"kind": k.value, "title": o.title, "fields": schema(k)} for k, o in OFFERS.items()],
        "words": dict(words),
    }
    return door.reply(table)


@machines.post("/notices")
@machine(Scope.SEND_NOTICES)
@describes(
    Description(
        {202: Answer(NoticeReply, headers=("Location",), may_have=("Idempotent-Replayed",))},
        body=NewNotice,
        key=True,
        raises=(REUSED, Invalid("notice_recipient")),
    )
)
def send_notice() -> Response:
    """202 whether or not there is such a person: who is meant is looked for later."""
    door.only_query()
    actor, key, said, sandbox = current_machine(), door.batch_key(), door.json_body(NewNotice), in_sandbox()
    recipient = _recipient(said.recipient)

    def work() -> tuple[int, Any]:
        return 202, _shown(lantai().partner_sending.send(actor, said.kind, recipient, said.fields, sandbox=sandbox))

    fingerprint = request.path.encode() + b"|" + request.get_data()
    done = lantai().idempotency.run(actor, key, str(request.url_rule), fingerprint, work)
    replayed = {"Idempotent-Replayed": "true"} if done.replayed else {}
    return door.reply(done.body, done.status, Location=done.body["links"]["self"], **replayed)


@machines.get("/notices/<uuid:notice_id>")
@machine(Scope.SEND_NOTICES)
@describes(Description({200: Answer(NoticeReply)}, raises=(ABSENT,)))
def notice(notice_id: UUID) -> Response:
    """What became of a notice on each channel. A person who cannot be reached and one who does not exist look alike."""
    door.only_query()
    return door.reply(_shown(lantai().partner_sending.one(current_machine(), notice_id)))
