"""Sealed values of the transfer rooms for the drill of tampering: where they are, and something in each of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from app.carrier_ports import CarrierCode, CarrierEvent
from app.dossiers.incoming import NewMaterial
from app.transfers.batch_models import DispatchItem, number_place
from app.transfers.counting import Count
from app.transfers.counting_models import Slip, TransferCase, case_place, count_place
from app.transfers.electronic_models import ElectronicLeg, words_place
from app.transfers.models import Dispatch, DoubleAct, TransferManifest, act_place, manifest_place, numbers_place
from app.transfers.states import Channel, State
from app.transfers.tracking_models import TrackingEvent, body_place
from parts import Lantai
from tests.counting import ADDRESS, printed_slip
from tests.electronic import submitted_leg
from tests.moving import Pair, desk_pair, lead, opened
from tests.proof.cell import Cell
from tests.proof.house import House

PEOPLE = 2
MATERIALS = (NewMaterial("4-1", "transcript", "成绩单", "2026-06-01", 2), NewMaterial("3", "", "学年鉴定表", "", 1))


def cells_of_transfers(owners: Mapping[UUID, UUID]) -> list[Cell]:
    """``owners``: transfer -> graduate."""
    return [
        Cell(TransferManifest, "sealed_body", lambda r: owners[r.transfer_id], manifest_place),
        Cell(Dispatch, "sealed_numbers", lambda r: owners[r.transfer_id], numbers_place),
        Cell(DispatchItem, "sealed_number", lambda r: r.graduate_id, number_place),
        Cell(DoubleAct, "sealed_evidence", lambda r: owners[r.transfer_id], act_place),
        Cell(TrackingEvent, "sealed_body", lambda r: owners[r.transfer_id], lambda r: body_place(r.id)),
        Cell(ElectronicLeg, "sealed_words", lambda r: r.graduate_id, words_place),
        Cell(Slip, "sealed_count", lambda r: owners[r.transfer_id], count_place),
        Cell(TransferCase, "sealed_body", lambda r: owners[r.transfer_id], case_place),
    ]


def fill_transfers(home: House) -> None:
    """Some on their way with a trace, counted wrongly at their receiver; some scanned into a batch."""
    parts, pair = home.parts, desk_pair(home.parts)
    batch = parts.dispatching.begin(pair.first, Channel.EMS)
    for number in range(PEOPLE):
        _on_the_way(home, pair, number)
        sealed = lead(parts, pair, opened(parts, pair.first, home.graduate(*MATERIALS).id), State.SEALED)
        parts.dispatching.add(pair.first, batch, sealed.number, f"10998877665{number:02d}")


def _on_the_way(home: House, pair: Pair, number: int) -> None:
    parts, owner = home.parts, home.graduate(*MATERIALS).id
    view = lead(parts, pair, opened(parts, pair.first, owner), State.DELIVERED_UNCONFIRMED)
    _trace(parts, owner, view.id, number)
    submitted_leg(parts, owner, view.id)
    slip = printed_slip(parts, pair, view)
    numbers = {"items_4-1": "1", "pages_4-1": str(3 + number), "items_3": "1", "pages_3": "1"}
    parts.counting.count(slip.id, slip.code, ADDRESS, Count("RS-2026-17", "王清点", False, numbers))


def _trace(parts: Lantai, owner: UUID, transfer_id: UUID, number: int) -> None:
    now = parts.clock.now()
    told = [
        CarrierEvent(now - timedelta(hours=3 - n), code, f"{number}-{n}", "滨海", f"说明{n}", "")
        for n, code in enumerate((CarrierCode.ACCEPTED, CarrierCode.IN_TRANSIT))
    ]
    with parts.db.transaction() as session:
        parts.tracking.book.keep(session, parts.keys.of(owner), transfer_id, 1, told, (), now)
