"""Receivers of the registry that change or lapse while dossiers are on their way to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from app.actors import Actor, ActorKind
from app.transfers.footing_desk import FootingView
from app.transfers.models import Transfer
from app.transfers.showing import TransferView
from parts import Lantai
from tests.moving import CODE, Pair, receiver_code

OTHER = "GG-330109"


def changed(lantai: Lantai, pair: Pair, code: str = CODE, **facts: Any) -> None:
    """A further version of the body, from today on."""
    today = lantai.receivers.today
    with lantai.db.transaction() as session:
        known = lantai.receivers.frozen(session, code, today)
    lantai.receivers.record(pair.first, code, replace(known.facts, valid_from=today, **facts), known.version)


def ended(lantai: Lantai, pair: Pair) -> None:
    with lantai.db.transaction() as session:
        known = lantai.receivers.frozen(session, CODE, lantai.receivers.today)
    lantai.receivers.close(pair.first, known.id, lantai.receivers.today, known.version, "撤销通知")


def other(lantai: Lantai, pair: Pair) -> str:
    with lantai.db.transaction() as session:
        known = lantai.receivers.frozen(session, receiver_code(lantai), lantai.receivers.today).facts
    lantai.receivers.record(pair.first, OTHER, replace(known, name="另一人才服务中心", region_code="330109"), 0)
    return OTHER


def footing(lantai: Lantai, actor: Actor, view: TransferView) -> FootingView:
    return lantai.transfer_footing.of_graduate(actor, view.graduate_id)[view.id]


def graduate(view: TransferView) -> Actor:
    return Actor(ActorKind.GRADUATE, view.graduate_id)


def view_by_id(lantai: Lantai, pair: Pair, transfer_id: UUID) -> TransferView:
    with lantai.db.transaction() as session:
        owner = session.get_one(Transfer, transfer_id).graduate_id
    return next(v for v in lantai.transfers.of_graduate(pair.first, owner) if v.id == transfer_id)
