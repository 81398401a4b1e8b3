"""Somebody whose dossier is on its way, for noise that should reach more than *not found*."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.ports import Platform
from app.transfers.states import State
from bench.stand import Stand, file_graduate
from tests.counting import Printed, printed_slip
from tests.electronic import CODE, submitted_leg
from tests.fakes import FakeLogin
from tests.moving import desk_pair, lead, opened
from tests.proof.house import House
from tests.proof.transfers import MATERIALS


@dataclass(frozen=True, slots=True)
class Alive:
    """``token`` is the session of a graduate whose ``transfer`` may still be changed; ``package`` and ``slip`` belong
    to another's transfer, which has gone out, and ``credential`` to its receiver.
    """

    token: str
    transfer: UUID
    package: UUID
    slip: Printed
    credential: str


def alive(on: Stand) -> Alive:
    parts, pair = on.parts, desk_pair(on.parts)
    sent = House(parts, on.urls, FakeLogin(Platform.WECHAT), on.folder).graduate(*MATERIALS).id
    view = lead(parts, pair, opened(parts, pair.first, sent), State.SEALED)
    slip = printed_slip(parts, pair, view)
    lead(parts, pair, view, State.IN_TRANSIT)
    package = submitted_leg(parts, sent, view.id)
    _, credential = parts.partners.add("人才服务中心", ["dossiers:receive"], CODE)
    # destinations of a cohort may be changed until its August
    token = file_graduate(parts, 2, cohort_year=parts.clock.now().year + 1)
    graduate = parts.sessions.resolve(token).actor.id
    # one that was given up, with a package, and one that may still be changed
    before = lead(parts, pair, opened(parts, pair.first, graduate), State.SCHOOL_APPROVED)
    submitted_leg(parts, graduate, before.id)
    lead(parts, pair, before, State.WITHDRAWN)
    return Alive(token, opened(parts, pair.first, graduate).id, package.id, slip, credential)
