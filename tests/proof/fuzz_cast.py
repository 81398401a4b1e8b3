"""Somebody whose dossier is on its way, for noise that should reach more than *not found*."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.actors import SYSTEM, Actor, ActorKind
from app.imports.rules import BatchSource
from app.jobs import Announce
from app.ports import Platform
from app.transfers.electronic_store import PieceWriter
from app.transfers.states import State
from bench.stand import Stand, file_graduate
from notifications.partner_notices import Kind
from notifications.partner_sending import Recipient
from notifications.preferences import QuietWish
from parts import Lantai
from tests.counting import Printed, printed_slip
from tests.electronic import submitted_leg
from tests.fakes import FakeLogin
from tests.moving import CODE, desk_pair, lead, opened
from tests.proof.house import House
from tests.proof.transfers import MATERIALS


@dataclass(frozen=True, slots=True)
class Alive:
    """``token`` is the session of a graduate whose ``transfer`` may still be changed; ``package`` and ``slip`` belong
    to another's transfer, which has gone out, and ``credential`` to its receiver. ``pusher`` is the credential of a
    system that has sent ``batch``, ``listener`` of one that has subscribed twice, ``sender`` of one that has sent
    ``notice``. ``check_code`` is of a message to the graduate.
    """

    token: str
    transfer: UUID
    package: UUID
    slip: Printed
    credential: str
    pusher: str
    batch: UUID
    listener: str
    webhook: UUID
    spare: UUID
    sender: str
    notice: UUID
    check_code: str


def _pusher(parts: Lantai) -> tuple[str, UUID]:
    """(credential, a batch that waits)."""
    client, credential = parts.partners.add("教务系统", ["dossiers:push"])
    table, actor = io.BytesIO(b"a,b\n1,2\n"), Actor(ActorKind.PARTNER, client)
    batch = parts.importer.receive(actor, name="a.csv", stream=table, source=BatchSource.PARTNER, batch_key="fuzz-0001")
    return credential, batch.id


def _listener(parts: Lantai) -> tuple[str, UUID, UUID]:
    """(credential, two subscriptions on trial): their address is one that is never called."""
    client, credential = parts.partners.add("通知机器人", ["events:subscribe"])
    actor = Actor(ActorKind.PARTNER, client)
    made = [parts.webhooks.subscribe(actor, "https://192.0.2.7/", ["transfer.moved"])[0].id for _ in range(2)]
    return credential, made[0], made[1]


def _sender(parts: Lantai) -> tuple[str, UUID]:
    """(credential, a notice to nobody)."""
    client, credential = parts.partners.add("学工系统", ["notices:send"])
    day = f"{parts.clock.now() + timedelta(days=30):%Y-%m-%d}"
    fields = {"place": "archive_desk", "until": day}
    to, actor = Recipient("2099000001"), Actor(ActorKind.PARTNER, client)
    return credential, parts.partner_sending.send(actor, Kind.ASK_VISIT, to, fields, sandbox=False).id


def _told(parts: Lantai, owner: Actor) -> str:
    """The check-code of a notice to ``owner``."""
    with parts.db.transaction() as session:
        event = parts.log.record(session, SYSTEM, "account.rebound", graduate_id=owner.id)
    parts.announcing.announce(Announce(event))
    (view,), _ = parts.inbox.notices(owner, before=None, limit=1)
    if view.check_code is None:
        raise LookupError("the notice has no check-code")
    return view.check_code


CHANGES = 41
"""Versions of the preferences, so that none of them is met by a number that the tool sends for a text: on the wire they
are the same.
"""


def alive(on: Stand) -> Alive:
    parts, pair = on.parts, desk_pair(on.parts)
    sent = House(parts, on.urls, FakeLogin(Platform.WECHAT), on.folder).graduate(*MATERIALS).id
    view = lead(parts, pair, opened(parts, pair.first, sent), State.SEALED)
    slip = printed_slip(parts, pair, view)
    lead(parts, pair, view, State.IN_TRANSIT)
    package = submitted_leg(parts, sent, view.id, CODE)
    content = PieceWriter(parts.outside.files, parts.keys.of(sent), package.id, str(package.box))
    content.write(b"x")
    content.close()
    _, credential = parts.partners.add("人才服务中心", ["dossiers:receive"], CODE)
    # destinations of a cohort may be changed until its August
    token = file_graduate(parts, 2, cohort_year=parts.clock.now().year + 1)
    owner = parts.sessions.resolve(token).actor
    graduate = owner.id
    for version in range(CHANGES):
        parts.preferences.change(owner, version, (), QuietWish(on=False, begins="22:00", ends="08:00"))
    # one that was given up, with a package, and one that may still be changed
    before = lead(parts, pair, opened(parts, pair.first, graduate), State.SCHOOL_APPROVED)
    submitted_leg(parts, graduate, before.id, CODE)
    lead(parts, pair, before, State.WITHDRAWN)
    transfer = opened(parts, pair.first, graduate).id
    pusher, batch = _pusher(parts)
    listener, webhook, spare = _listener(parts)
    sender, notice = _sender(parts)
    code = _told(parts, owner)
    return Alive(
        token, transfer, package.id, slip, credential, pusher, batch, listener, webhook, spare, sender, notice, code
    )
