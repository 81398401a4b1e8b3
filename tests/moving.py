"""Walking a transfer through its states as two persons of the desk do."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, update
from stdnum.cn import uscc

from app.actors import Actor, ActorKind, Role
from app.envelope import seal_json
from app.people.models import StaffMember
from app.receivers.models import Receiver
from app.receivers.rules import DestinationCase, ReceiverFacts, ReceiverKind
from app.transfers import rules
from app.transfers.destination import Destination
from app.transfers.models import Transfer
from app.transfers.rules import Edge, Evidence
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from auth.places import staff_totp_place
from parts import Lantai
from tests.fakes import jpeg

RECEIVER, CODE = ("某市人才服务中心", "某市某路 1 号"), "GG-330100"
ELSEWHERE = "GG-330200"
LINE = (
    State.DRAFT,
    State.DESTINATION_REGISTERED,
    State.COLLEGE_REVIEWED,
    State.SCHOOL_APPROVED,
    State.ASSEMBLED,
    State.CHECKED,
    State.SEALED,
    State.HANDED_TO_CARRIER,
    State.IN_TRANSIT,
    State.DELIVERED_UNCONFIRMED,
    State.RECEIVED,
    State.CLOSED,
)
DESK_ROLES = (Role.ARCHIVIST, Role.DISPATCHER, Role.REVIEWER)


@dataclass(frozen=True, slots=True)
class Pair:
    first: Actor
    second: Actor


def desk_pair(lantai: Lantai) -> Pair:
    """Two persons who may do everything at the desk."""
    return Pair(_member(lantai), _member(lantai))


def _member(lantai: Lantai) -> Actor:
    row = StaffMember(
        id=uuid.uuid4(),
        username=f"mover-{uuid.uuid4().hex[:8]}",
        display_name="转递员甲",
        person_key=uuid.uuid4(),
        roles=[r.value for r in DESK_ROLES],
        password_hash="-",
        created_at=lantai.clock.now(),
    )
    row.sealed_totp = seal_json(lantai.keys.house(), staff_totp_place(row.id), {"secret": "A" * 32})
    with lantai.db.transaction() as session:
        session.add(row)
    return Actor(ActorKind.STAFF, row.id, roles=frozenset(DESK_ROLES), factor_at=lantai.clock.now())


def receiver_code(lantai: Lantai, code: str = CODE) -> str:
    """A public body of the registry, recorded the first time it is asked for."""
    with lantai.db.transaction() as session:
        known = session.scalar(select(Receiver.id).where(Receiver.code == code))
    if known is None:
        name, address = RECEIVER if code == CODE else ("邻市人才服务中心", "邻市某路 2 号")
        credit = "12330100000000001"
        facts = ReceiverFacts(
            kind=ReceiverKind.PUBLIC_BODY,
            name=name,
            credit_code=credit + uscc.calc_check_digit(credit),
            region_code="330100",
            address=address,
            valid_from=date(2020, 1, 1),
            source="名录",
        )
        lantai.receivers.record(_member(lantai), code, facts, 0)
    return code


def destination(lantai: Lantai, *, channel: Channel | None = Channel.EMS, code: str = CODE) -> Destination:
    return Destination(DestinationCase.UNEMPLOYED, receiver_code(lantai, code), channel)


def opened(lantai: Lantai, actor: Actor, graduate_id: uuid.UUID, *, channel: Channel = Channel.EMS) -> TransferView:
    """A transfer taken down at the desk, still a draft."""
    transfer_id = lantai.destinations.open(actor, graduate_id, destination(lantai, channel=channel))
    return next(v for v in lantai.transfers.of_graduate(actor, graduate_id) if v.id == transfer_id)


def way(source: State, target: State) -> list[Edge]:
    """The shortest list of edges between two states."""
    ways: list[list[Edge]] = [[]]
    seen = {source}
    while ways:
        found = ways.pop(0)
        at = found[-1].target if found else source
        if at is target:
            return found
        for edge in rules.edges_from(at):
            if edge.target not in seen:
                seen.add(edge.target)
                ways.append([*found, edge])
    raise AssertionError(f"no way from {source} to {target}")


def evidence(lantai: Lantai, edge: Edge, view: TransferView) -> dict[Evidence, str]:
    """What the edge asks for, good enough to be believed."""
    number = f"{uuid.uuid4().int % 10**12:012d}"
    kept = lantai.clock.now().date().replace(year=lantai.clock.now().year + 1).isoformat()
    samples = {
        Evidence.TRACKING_NUMBER: f"1{number}",
        Evidence.SEAL_NUMBER: "MF2026-01",
        Evidence.RECEIPT_NUMBER: "HZ-001",
        Evidence.MANIFEST_CODE: view.manifest_code or "",
        Evidence.KEPT_UNTIL: kept,
        Evidence.LETTER_NUMBER: "CX2026-01",
        Evidence.REASON: "按规定办理",
        Evidence.PHOTO_DIGEST: "0" * 64,
    }
    return {kind: samples[kind] for kind in edge.evidence}


def walk(
    lantai: Lantai, pair: Pair, view: TransferView, edge: Edge, given: dict[Evidence, str] | None = None
) -> TransferView:
    """One edge, by the desk: alone where that is enough, else by both persons; by the clock or carrier as SYSTEM."""
    shown = given if given is not None else evidence(lantai, edge, view)
    if edge.source is State.COLLEGE_REVIEWED:
        wish(lantai, view, stays=edge.target is State.HELD_AT_SCHOOL)
    if rules.may(edge, staff=pair.first.roles):
        return lantai.transfers.move(pair.first, view.id, view.version, edge.target, shown)
    if rules.By.TWO in edge.by:
        photo = jpeg() if Evidence.PHOTO_DIGEST in edge.evidence else None
        lantai.double_acts.propose(pair.first, view.id, view.version, edge.target, shown, photo)
        act = lantai.double_acts.waiting(pair.second, view.graduate_id, view.id)
        assert act is not None
        lantai.double_acts.confirm(pair.second, view.id, act.id)
    else:
        raise AssertionError(f"{edge.deed} is nobody's at the desk")
    return now(lantai, pair.first, view)


def wish(lantai: Lantai, view: TransferView, *, stays: bool) -> None:
    """What was registered is, or is not, that the dossier is kept at school; a supplement has no such wish."""
    case = DestinationCase.KEPT_AT_SCHOOL if stays else DestinationCase.UNEMPLOYED
    kept = Transfer.destination_case == DestinationCase.KEPT_AT_SCHOOL
    differs = kept.is_not(True) if stays else kept
    with lantai.db.transaction() as session:
        session.execute(update(Transfer).where(Transfer.id == view.id, differs).values(destination_case=case))


def now(lantai: Lantai, actor: Actor, view: TransferView) -> TransferView:
    return next(v for v in lantai.transfers.of_graduate(actor, view.graduate_id) if v.id == view.id)


def lead(lantai: Lantai, pair: Pair, view: TransferView, target: State) -> TransferView:
    """Along the main line where the target lies on it, else the shortest way."""
    on_line = view.state in LINE and target in LINE and LINE.index(view.state) <= LINE.index(target)
    stops: Sequence[State] = LINE[LINE.index(view.state) + 1 : LINE.index(target) + 1] if on_line else ()
    edges = [e for e in map(rules.edge, (view.state, *stops), stops) if e] if on_line else way(view.state, target)
    for edge in edges:
        view = walk(lantai, pair, view, edge)
    return view
