"""Many seals at one sitting: slips and seal numbers are scanned in turn, by two persons one after the other.

The first person seals a tray of envelopes, takes one photo of their seals and scans slip and seal of each: every
dossier gets its own proposal. The second scans the same envelopes; where slip and seal number are those proposed, the
dossier is sealed. Each pair is a commit of its own, so what is wrong with one holds up no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database
from app.envelope import open_json
from app.errors import Conflict, DomainError, FieldFault, Invalid, Unavailable
from app.keyring import Keyring
from app.people.models import StaffMember
from app.transfers.double_acts import DoubleActs, require_two
from app.transfers.labels import serial_of, transfer_of
from app.transfers.models import ActState, DoubleAct, Transfer, act_place
from app.transfers.rules import Evidence
from app.transfers.showing import transfer_number
from app.transfers.states import State

MOST = 30
"""Envelopes that one photo can show."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A slip's number and the seal's, as they were read."""

    transfer: str
    seal: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """``error`` is None where it went well."""

    scanned: Scanned
    error: DomainError | None = None


@dataclass(frozen=True, slots=True)
class SealLine:
    """One dossier whose seal waits for the second person. ``own``: proposed by whoever asks.

    The seal's number is not told: the second person reads it off the envelope.
    """

    graduate_id: UUID
    transfer: str
    first_name: str
    first_at: datetime
    own: bool


def pairs(text: str) -> list[Scanned]:
    """What the scanner typed, one reading a line or word: slip, seal, slip, seal …

    Raises Invalid('/scanned'): nothing at all, a slip without a seal, a seal without a slip, more than ``MOST`` pairs.
    """
    found: list[Scanned] = []
    slip = ""
    for word in text.upper().split():
        is_slip = serial_of(word) is not None
        if is_slip == bool(slip):
            words = f"“{slip}”之后缺少密封编号" if is_slip else f"“{word[:40]}”之前缺少转递号"
            raise _unreadable("scan_unpaired", words)
        if is_slip:
            slip = word
        else:
            found.append(Scanned(slip, word))
            slip = ""
    if slip:
        raise _unreadable("scan_unpaired", f"“{slip}”之后缺少密封编号")
    if not found:
        raise _unreadable("required", "请依次扫描转递通知单和密封编号")
    if len(found) > MOST:
        raise _unreadable("too_many", f"一次最多 {MOST} 份，请分次办理")
    return found


class SealingDesk:
    def __init__(self, db: Database, keys: Keyring, acts: DoubleActs) -> None:
        self._db, self._keys, self._acts = db, keys, acts

    def propose(self, actor: Actor, scanned: Sequence[Scanned], photo: bytes | None) -> list[Outcome]:
        """The first person's word for each pair, with one photo. Raises Forbidden, and Invalid('/photo') for all."""
        require_two(actor)
        if not photo:
            raise Invalid("invalid_input", faults=[FieldFault("/photo", "required", "请上传密封照片")])
        picture = self._acts.cleaned(photo)
        seals = [pair.seal for pair in scanned]

        def deed(pair: Scanned) -> None:
            if seals.count(pair.seal) > 1:
                raise Conflict("seal_number_twice", params={"number": pair.seal})
            row = self._by_number(pair.transfer)
            shown = {Evidence.SEAL_NUMBER: pair.seal}
            self._acts.propose(actor, row.id, row.version, State.SEALED, shown, picture)

        return [_tried(pair, deed) for pair in scanned]

    def confirm(self, actor: Actor, scanned: Sequence[Scanned]) -> list[Outcome]:
        """The second person's: sealed where slip and seal are those proposed. Raises Forbidden."""
        require_two(actor)

        def deed(pair: Scanned) -> None:
            row = self._by_number(pair.transfer)
            act = self._waiting(row)
            if self._seal(act, row.graduate_id) != pair.seal:
                raise Conflict("seal_number_differs")
            self._acts.confirm(actor, row.id, act.id)

        return [_tried(pair, deed) for pair in scanned]

    def waiting(self, actor: Actor, *, offset: int = 0, limit: int = 20) -> tuple[list[SealLine], int]:
        """(oldest first, total) of the seals that wait for a second person. Raises Forbidden."""
        require_two(actor)
        mine = (DoubleAct.state == ActState.WAITING, DoubleAct.target == State.SEALED)
        query = (
            select(DoubleAct, Transfer, StaffMember.display_name)
            .join(Transfer, Transfer.id == DoubleAct.transfer_id)
            .join(StaffMember, StaffMember.id == DoubleAct.first_staff)
            .where(*mine)
            .order_by(DoubleAct.first_at, DoubleAct.id)
            .offset(offset)
            .limit(limit)
        )
        with self._db.transaction() as session:
            total = session.scalar(select(func.count(DoubleAct.id)).where(*mine)) or 0
            rows = session.execute(query).all()
        return [
            SealLine(
                row.graduate_id,
                transfer_number(row),
                name,
                act.first_at,
                act.first_staff == actor.id,
            )
            for act, row, name in rows
        ], total

    def unsealed(self, actor: Actor) -> int:
        """How many dossiers are checked and not sealed yet. Raises Forbidden."""
        require_two(actor)
        with self._db.transaction() as session:
            return session.scalar(select(func.count(Transfer.id)).where(Transfer.state == State.CHECKED)) or 0

    # --- inside -------------------------------------------------------------------------------------------------------

    def _by_number(self, text: str) -> Transfer:
        with self._db.transaction() as session:
            row = transfer_of(session, text)
        if row is None:
            raise Invalid("invalid_input", faults=[FieldFault("/transfer", "unknown_transfer")])
        return row

    def _waiting(self, row: Transfer) -> DoubleAct:
        with self._db.transaction() as session:
            act = _waiting_seal(session, row.id)
        if act is None:
            raise Conflict("no_seal_waits")
        return act

    def _seal(self, act: DoubleAct, owner: UUID) -> str:
        return str(open_json(self._keys.of(owner), act_place(act), act.sealed_evidence)[Evidence.SEAL_NUMBER.value])


def _waiting_seal(session: Session, transfer_id: UUID) -> DoubleAct | None:
    return session.scalar(
        select(DoubleAct).where(
            DoubleAct.transfer_id == transfer_id,
            DoubleAct.state == ActState.WAITING,
            DoubleAct.target == State.SEALED,
        )
    )


def _tried(pair: Scanned, deed: Callable[[Scanned], None]) -> Outcome:
    try:
        deed(pair)
    except Unavailable:
        raise
    except DomainError as error:
        return Outcome(pair, error)
    return Outcome(pair)


def _unreadable(code: str, words: str) -> Invalid:
    return Invalid("invalid_input", faults=[FieldFault("/scanned", code, words)])
