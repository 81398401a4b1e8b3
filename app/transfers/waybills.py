"""Taking a carrier's list of tracking numbers into a batch: tried out first, then kept as if its lines were scanned."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.csv_table import RawRow
from app.db import Database
from app.errors import Conflict, FieldFault, Forbidden, TooLarge
from app.events import EventLog
from app.keyring import Keyring, WrappedKey
from app.ports import Clock
from app.transfers import batch_book, rules, waybill_table
from app.transfers.batch_models import DispatchBatch, DispatchItem, ItemState
from app.transfers.labels import serial_of
from app.transfers.models import Dispatch, Transfer
from app.transfers.rules import By
from app.transfers.showing import transfer_number
from app.transfers.steps import TransferSteps
from app.transfers.tracking_rules import tracking_number
from app.transfers.waybill_table import WaybillLine

MAX_BYTES = 2 * 1024 * 1024

TableRows = Callable[[bytes, str], Iterator[RawRow]]
"""How a CSV or XLSX is read; plugged in by wiring from the room of imports."""


@dataclass(frozen=True, slots=True)
class WaybillVerdict:
    """One line and the codes of what is wrong with it, none for a sound one. ``transfer`` and ``tracking`` are as they
    would be kept where they can be read, else as they stand in the file.
    """

    line: int
    transfer: str
    codes: Sequence[str]
    tracking: str = field(repr=False)

    @property
    def sound(self) -> bool:
        return not self.codes


@dataclass(frozen=True, slots=True)
class WaybillReport:
    """``kept``: how many lines were taken into the batch, 0 for a trial."""

    lines: Sequence[WaybillVerdict]
    kept: int = 0

    @property
    def sound(self) -> int:
        return sum(v.sound for v in self.lines)

    @property
    def wrong(self) -> int:
        return len(self.lines) - self.sound

    @property
    def digest(self) -> str:
        """Of every verdict, so that what is kept is what was shown."""
        said = [(v.line, v.transfer, v.tracking, list(v.codes)) for v in self.lines]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Held:
    """What the database knows against numbers and transfers of a file. ``keyed``: graduates who were not erased."""

    numbers: frozenset[bytes]
    transfers: frozenset[UUID]
    keyed: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class _Judged:
    verdict: WaybillVerdict
    row: Transfer | None
    bidx: bytes


class WaybillImport:
    def __init__(
        self, db: Database, keys: Keyring, steps: TransferSteps, log: EventLog, clock: Clock, rows: TableRows
    ) -> None:
        self._db, self._keys, self._steps, self._log, self._clock = db, keys, steps, log, clock
        self._rows = rows

    def try_out(self, actor: Actor, batch_id: UUID, data: bytes) -> WaybillReport:
        """What would be taken in, line by line; nothing is kept.

        Raises Invalid, TooLarge, Forbidden, NotFound, Conflict('batch_closed').
        """
        lines = self._read(actor, data)
        with self._db.transaction() as session:
            batch = batch_book.collecting(session, batch_id)
            return WaybillReport([j.verdict for j in self._judged(session, batch, lines)])

    def take_in(
        self, actor: Actor, batch_id: UUID, data: bytes, shown: str, *, sound_only: bool = False
    ) -> WaybillReport:
        """Every line, or none while one is wrong, unless only the sound ones are wanted. ``shown``: digest of the trial
        somebody agreed to. Nothing was kept where the report says so.

        Raises what ``try_out`` does and Conflict('waybills_changed', 'batch_full').
        """
        lines = self._read(actor, data)
        with self._db.transaction() as session:
            batch = batch_book.collecting(session, batch_id)
            judged = self._judged(session, batch, lines, lock=True)
            report = WaybillReport([j.verdict for j in judged])
            if report.digest != shown:
                raise Conflict("waybills_changed")
            if not report.sound or (report.wrong and not sound_only):
                return report
            self._keep(session, batch_id, [j for j in judged if j.verdict.sound])
            data_of = {"kept": report.sound, "left_out": report.wrong}
            self._log.record(
                session, actor, "dispatch.imported", object_kind="dispatch_batch", object_id=batch_id, data=data_of
            )
        return WaybillReport(report.lines, report.sound)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _read(self, actor: Actor, data: bytes) -> list[WaybillLine]:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*rules.ROLES[By.DESK]):
            raise Forbidden("role_required")
        if len(data) > MAX_BYTES:
            raise TooLarge("document_too_large")
        return waybill_table.read(self._rows(data, waybill_table.LIST))

    def _judged(
        self, session: Session, batch: DispatchBatch, lines: Sequence[WaybillLine], *, lock: bool = False
    ) -> list[_Judged]:
        """The transfers stay locked where ``lock`` is set, so that the verdicts hold until the end."""
        known = self._transfers(session, lines, lock=lock)
        numbers = [tracking_number(w.tracking, batch.channel) for w in lines]
        bidxs = [self._steps.tracking_index(batch.channel, n) if isinstance(n, str) else b"" for n in numbers]
        held = self._held(session, [b for b in bidxs if b], list(known.values()))
        refused = self._refused(session, list(known.values()))
        often = Counter([_written(w) for w in lines]), Counter(bidxs)
        judged = []
        for w, number, bidx in zip(lines, numbers, bidxs, strict=True):
            row, codes = known.get(_written(w)), list(w.marks)
            if row is None:
                codes.append("unknown_transfer")
            elif (refusal := batch_book.against(batch, row)) is not None:
                codes.append(refusal.code)
            elif row.id in refused:
                codes.append(refused[row.id].code)
            elif row.id in held.transfers:
                codes.append("already_scanned")
            elif row.graduate_id not in held.keyed:
                codes.append("owner_erased")
            if row is not None and often[0][_written(w)] > 1:
                codes.append("transfer_twice_in_list")
            if isinstance(number, FieldFault):
                codes.append("tracking_number_missing" if number.code == "required" else number.code)
            elif often[1][bidx] > 1:
                codes.append("tracking_twice_in_list")
            elif bidx in held.numbers:
                codes.append("tracking_number_used")
            shown = number if isinstance(number, str) else w.tracking
            judged.append(_Judged(WaybillVerdict(w.line, _written(w), tuple(codes), shown), row, bidx))
        return judged

    def _refused(self, session: Session, rows: Sequence[Transfer]) -> Mapping[UUID, Conflict]:
        keys = self._keys.many(session, [row.graduate_id for row in rows])
        return self._steps.footing.refusals(session, rows, keys)

    @staticmethod
    def _transfers(session: Session, lines: Sequence[WaybillLine], *, lock: bool) -> dict[str, Transfer]:
        """By number as it is written, locked in one order where ``lock`` is set."""
        serials = {s for w in lines if (s := serial_of(_written(w))) is not None}
        query = select(Transfer).where(Transfer.serial.in_(serials)).order_by(Transfer.id)
        if lock:
            query = query.with_for_update()
        return {transfer_number(row): row for row in session.scalars(query)}

    @staticmethod
    def _held(session: Session, bidxs: Sequence[bytes], rows: Sequence[Transfer]) -> _Held:
        transfers, owners = [row.id for row in rows], [row.graduate_id for row in rows]
        kept = (ItemState.WAITING, ItemState.DONE)
        used = set(session.scalars(select(Dispatch.tracking_bidx).where(Dispatch.tracking_bidx.in_(bidxs))))
        used |= set(
            session.scalars(
                select(DispatchItem.tracking_bidx).where(
                    DispatchItem.tracking_bidx.in_(bidxs), DispatchItem.state.in_(kept)
                )
            )
        )
        waiting = session.scalars(
            select(DispatchItem.transfer_id).where(
                DispatchItem.transfer_id.in_(transfers), DispatchItem.state == ItemState.WAITING
            )
        )
        keyed = session.scalars(select(WrappedKey.owner_id).where(WrappedKey.owner_id.in_(owners)))
        return _Held(frozenset(used), frozenset(waiting), frozenset(keyed))

    def _keep(self, session: Session, batch_id: UUID, sound: Sequence[_Judged]) -> None:
        position, now = batch_book.free_position(session, batch_id, len(sound)), self._clock.now()
        rows = [(j.row, j) for j in sound if j.row is not None]
        keys = self._keys.many(session, [row.graduate_id for row, _ in rows])
        session.add_all(
            batch_book.pair(batch_id, position + n, row, keys[row.graduate_id], j.verdict.tracking, j.bidx, now)
            for n, (row, j) in enumerate(rows)
        )
        try:
            session.flush()
        except IntegrityError:  # scanned into another batch at this moment
            raise Conflict("waybills_changed") from None


def _written(line: WaybillLine) -> str:
    return "".join(line.transfer.upper().split())
