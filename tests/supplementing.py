"""A correction after a dossier was received, as it leaves the dossier: its materials filed, its supplement open."""

from __future__ import annotations

from app.actors import SYSTEM
from app.dossiers.incoming import NewMaterial
from app.dossiers.rules import Source
from app.transfers.showing import TransferView
from app.transfers.supplements import SupplementaryTransfers
from parts import Lantai
from tests.moving import desk_pair
from tests.transfer_sight import Sight


def supplement_after(lantai: Lantai, arrived: TransferView, *materials: NewMaterial) -> TransferView:
    """The supplement of a ticket that has filed these, all in one transaction as a decision does it."""
    owner = arrived.graduate_id
    ticket = Sight(lantai, lantai.clock).ticket(owner)
    key, filed = lantai.keys.of(owner), [lantai.filing.materials.prepare(owner, m) for m in materials]
    opener = SupplementaryTransfers(lantai.transfer_steps, lantai.clock)
    with lantai.db.transaction() as session:
        made = opener.open_supplement(session, SYSTEM, key, ticket)
        for prepared in filed:
            lantai.filing.materials.add(
                session, SYSTEM, prepared, source=Source.CORRECTION, source_id=ticket, handed_over=True
            )
    return next(v for v in lantai.transfers.of_graduate(desk_pair(lantai).first, owner) if v.id == made)
