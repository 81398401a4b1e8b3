"""Printing at the desk. Each printing is an event with its copy number; printing again hands nothing over again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database
from app.dossiers.holdings import Holding, Holdings
from app.dossiers.rules import MATERIAL_CLASSES
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from app.events import Event, EventLog
from app.office_time import office_date
from app.people.rules import mask_id_number
from app.ports import Clock
from app.transfers.batch_models import DispatchBatch, DispatchItem, ItemState
from app.transfers.clocks import TIMERS, Timer, months_after
from app.transfers.letters import LetterKind
from app.transfers.models import Transfer
from app.transfers.paper_data import Gathered, PaperData
from app.transfers.papers import CatalogueRow, LabelLayout, LetterData, amount_words, chinese_date
from app.transfers.printing import TransferPrinter
from app.transfers.rules import Evidence
from app.transfers.service import MOVER_ROLES
from app.transfers.states import CHANNEL_LABELS, STATE_LABELS, Channel, State

MOST_AT_ONCE = 100
SLIP_PRINTED, LABEL_PRINTED = "transfer.slip_printed", "transfer.label_printed"
LIST_PRINTED, LETTER_PRINTED = "transfer.list_printed", "transfer.letter_printed"
CATALOGUE_PRINTED = "transfer.catalogue_printed"
CARRIERS: Mapping[Channel, str] = {
    Channel.CONFIDENTIAL_POST: "中国邮政机要通信部门",
    Channel.DEDICATED_PERSON: "本单位专人",
    Channel.EMS: "中国邮政速递物流（EMS）",
}
TOO_EARLY = frozenset(
    {
        State.DRAFT,
        State.DESTINATION_REGISTERED,
        State.COLLEGE_REVIEWED,
        State.SCHOOL_APPROVED,
        State.HELD_AT_SCHOOL,
        State.REBUILDING,
        State.WITHDRAWN,
    }
)
"""No catalogue is frozen, or the frozen one is not what would be sent."""
LETTER_STATES: Mapping[LetterKind, frozenset[State]] = {
    LetterKind.RECEIPT_OVERDUE: frozenset({State.RECEIPT_OVERDUE}),
    LetterKind.TRACE: frozenset({State.LOST_SUSPECTED, State.TRACING}),
    LetterKind.RETURNED: frozenset({State.RETURNED, State.REFUSED}),
    LetterKind.REBUILD: frozenset({State.LOST_CONFIRMED, State.REBUILDING}),
}


UNWITNESSED = frozenset({State.HANDED_TO_CARRIER, State.IN_TRANSIT})
"""机要 and 专人 leave no trace, so nobody may ever say "delivered": the month for the receipt passes here too."""


def letters_for(state: State, *, overdue: bool = False) -> tuple[LetterKind, ...]:
    """What may be written while a transfer stands there. ``overdue``: its day has passed."""
    found = tuple(kind for kind in LetterKind if state in LETTER_STATES[kind])
    return (LetterKind.RECEIPT_OVERDUE, *found) if overdue and state in UNWITNESSED else found


class PaperDesk:
    """Every method raises Forbidden, NotFound, Unavailable; those that take many ids also Invalid."""

    def __init__(
        self, db: Database, data: PaperData, holdings: Holdings, printer: TransferPrinter, log: EventLog, clock: Clock
    ) -> None:
        self._db, self._data, self._holdings, self._printer = db, data, holdings, printer
        self._log, self._clock = log, clock

    def slips(self, actor: Actor, transfer_ids: Sequence[UUID]) -> bytes:
        """Raises Conflict('papers_too_early')."""
        self._require(actor, transfer_ids)
        today = office_date(self._clock.now())
        with self._db.transaction() as session:
            rows = self._rows(session, transfer_ids)
            copies = self._printed(session, rows, SLIP_PRINTED)
            slips = []
            for found in self._data.gather(session, rows):
                copy = copies.get(found.row.id, 0) + 1
                slips.append(self._data.slip(session, found, copy, today))
                self._record(session, actor, found.row, SLIP_PRINTED, {"copy": copy})
        return self._printer.slips(slips)

    def labels(self, actor: Actor, transfer_ids: Sequence[UUID], layout: LabelLayout, skip: int = 0) -> bytes:
        """Raises Conflict('papers_too_early')."""
        self._require(actor, transfer_ids)
        with self._db.transaction() as session:
            rows = self._rows(session, transfer_ids)
            copies = self._printed(session, rows, LABEL_PRINTED)
            labels = [self._data.label(found) for found in self._data.gather(session, rows)]
            for row in rows:
                self._record(session, actor, row, LABEL_PRINTED, {"copy": copies.get(row.id, 0) + 1})
        return self._printer.labels(labels, layout, skip)

    def hand_over(self, actor: Actor, transfer_ids: Sequence[UUID]) -> bytes:
        """The list of one batch, in the order of the transfers' numbers.

        Raises Conflict('papers_too_early', 'channels_mixed').
        """
        self._require(actor, transfer_ids)
        today = office_date(self._clock.now())
        with self._db.transaction() as session:
            rows = sorted(self._rows(session, transfer_ids), key=lambda r: r.serial)
            if len({r.channel for r in rows}) > 1:
                raise Conflict("channels_mixed")
            gathered = self._data.gather(session, rows)
            lines = [self._data.hand_over(found) for found in gathered]
            days = {found.handed_on for found in gathered}
            channel = rows[0].channel
            for row in rows:
                self._record(session, actor, row, LIST_PRINTED, {"of": len(rows)})
        # of what went on one day the list bears that day; before the hand-over and for a mixed list, today
        on = next(iter(days)) if len(days) == 1 else None
        return self._printer.hand_over(lines, CHANNEL_LABELS[channel], CARRIERS[channel], on or today)

    def batch_list(self, actor: Actor, batch_id: UUID) -> bytes:
        """The list of one dispatch batch in the order of scanning, for signing when the carrier comes: what waits in it
        and what it handed over. Raises Conflict('batch_empty').
        """
        self._allow(actor)
        with self._db.transaction() as session:
            batch = session.get(DispatchBatch, batch_id)
            if batch is None:
                raise NotFound("dispatch_batch_not_found")
            listed = (ItemState.WAITING, ItemState.DONE)
            query = select(DispatchItem).where(DispatchItem.batch_id == batch_id, DispatchItem.state.in_(listed))
            items = session.scalars(query.order_by(DispatchItem.position)).all()
            if not items:
                raise Conflict("batch_empty")
            lines = self._data.batch(session, items)
            about = [(i.graduate_id, i.transfer_id) for i in items]
            self._log.record_many(session, actor, LIST_PRINTED, "transfer", about, {"of": len(items)})
            channel, ended = batch.channel, batch.ended_at
        on = office_date(ended or self._clock.now())
        return self._printer.hand_over(lines, CHANNEL_LABELS[channel], CARRIERS[channel], on)

    def letter(self, actor: Actor, transfer_id: UUID, kind: LetterKind) -> bytes:
        """Raises Conflict('letter_not_now', 'letter_incomplete')."""
        self._require(actor, (transfer_id,))
        today = office_date(self._clock.now())
        with self._db.transaction() as session:
            [row] = self._locked(session, (transfer_id,))
            if kind not in letters_for(row.state, overdue=row.due_on is not None and row.due_on < today):
                raise Conflict("letter_not_now", params={"state": STATE_LABELS[row.state]})
            [found] = self._data.gather(session, [row])
            sequence = self._letters_before(session, row, kind, today) + 1
            letter = self._letter(found, kind, sequence, today, self._confirmed_lost(session, row))
            self._record(session, actor, row, LETTER_PRINTED, {"letter": kind.value, "sequence": sequence})
            # printed inside: a letter that lacks something is not written and leaves no trace of one
            return self._printer.letter(letter)

    def catalogue(self, actor: Actor, transfer_id: UUID) -> bytes:
        """The frozen catalogue. Raises Conflict('papers_too_early')."""
        self._require(actor, (transfer_id,))
        with self._db.transaction() as session:
            owner = session.scalar(select(Transfer.graduate_id).where(Transfer.id == transfer_id))
        if owner is None:
            raise NotFound("transfer_not_found")
        holding = self._holdings.of(owner)
        with self._db.transaction() as session:
            [row] = self._rows(session, (transfer_id,))
            [found] = self._data.gather(session, [row])
            if found.manifest is None:
                raise Conflict("papers_too_early", params={"state": STATE_LABELS[row.state]})
            lines = _catalogue(found, holding)
            facts, code = _catalogue_facts(found), found.manifest_code
            self._record(session, actor, row, CATALOGUE_PRINTED, {"version": found.manifest.dossier_version})
        return self._printer.catalogue(lines, facts, code)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _allow(self, actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*MOVER_ROLES):
            raise Forbidden("role_required")
        self._printer.require()

    def _require(self, actor: Actor, transfer_ids: Sequence[UUID]) -> None:
        self._allow(actor)
        if not 0 < len(transfer_ids) <= MOST_AT_ONCE:
            words = f"一次最多打印 {MOST_AT_ONCE} 份" if transfer_ids else "请至少选择一份"
            raise Invalid("invalid_input", faults=[FieldFault("/transfer", "out_of_range", words)])

    @staticmethod
    def _locked(session: Session, transfer_ids: Sequence[UUID]) -> list[Transfer]:
        """In the order asked for, each once; locked in one order for all, so that two batches never wait in a ring."""
        query = select(Transfer).where(Transfer.id.in_(transfer_ids)).order_by(Transfer.id).with_for_update()
        found = {r.id: r for r in session.scalars(query)}
        if any(i not in found for i in transfer_ids):
            raise NotFound("transfer_not_found")
        return [found[i] for i in dict.fromkeys(transfer_ids)]

    def _rows(self, session: Session, transfer_ids: Sequence[UUID]) -> list[Transfer]:
        rows = self._locked(session, transfer_ids)
        early = next((r for r in rows if r.state in TOO_EARLY), None)
        if early is not None:
            raise Conflict("papers_too_early", params={"state": STATE_LABELS[early.state]})
        return rows

    @staticmethod
    def _printed(session: Session, rows: Sequence[Transfer], kind: str) -> dict[UUID, int]:
        """How often each was printed; its row is locked, so no two printings get one number."""
        query = (
            select(Event.object_id, func.count())
            .where(Event.object_kind == "transfer", Event.object_id.in_([r.id for r in rows]), Event.type == kind)
            .group_by(Event.object_id)
        )
        return {i: n for i, n in session.execute(query) if i is not None}

    @staticmethod
    def _letters_before(session: Session, row: Transfer, kind: LetterKind, today: date) -> int:
        """Letters of this kind on other days: the same letter printed again on its day is no other letter."""
        query = select(Event.at, Event.data).where(
            Event.object_kind == "transfer", Event.object_id == row.id, Event.type == LETTER_PRINTED
        )
        days = {office_date(at) for at, data in session.execute(query) if data["letter"] == kind}
        return len(days - {today})

    @staticmethod
    def _confirmed_lost(session: Session, row: Transfer) -> date | None:
        """The day on which the carrier's answer was taken as the loss."""
        query = select(func.max(Event.at)).where(
            Event.object_kind == "transfer",
            Event.object_id == row.id,
            Event.type == "transfer.moved",
            Event.data["state"].astext == State.LOST_CONFIRMED.value,
        )
        at = session.scalar(query)
        return None if at is None else office_date(at)

    @staticmethod
    def _letter(found: Gathered, kind: LetterKind, sequence: int, today: date, lost: date | None) -> LetterData:
        row, sent = found.row, found.row.handed_on
        fields = {
            "name": found.card.name,
            "receiver": row.receiver_name,
            "sent_on": chinese_date(sent) if sent else "",
            "channel": found.channel,
            "tracking": found.tracking_number,
            "amount": amount_words(*found.amount),
            "due_on": chinese_date(months_after(sent, TIMERS[Timer.RECEIPT].months)) if sent else "",
            "reason": found.shown(Evidence.REASON).rstrip("。.；;") if kind is LetterKind.RETURNED else "",
            "answered_on": chinese_date(lost) if lost else "",
        }
        facts = [
            ("转递号", found.number),
            ("运单号", found.tracking_number),
            ("密封编号", found.seal_number),
            ("收件地址" if kind is LetterKind.TRACE else "", row.receiver_address),
            ("" if kind is LetterKind.TRACE else "目录核对码", found.manifest_code),
        ]
        shown = tuple((label, value) for label, value in facts if label and value)
        return LetterData(kind, found.number, sequence, today, CARRIERS[row.channel], fields, shown)

    def _record(self, session: Session, actor: Actor, row: Transfer, kind: str, data: Mapping[str, object]) -> None:
        self._log.record(
            session,
            actor,
            kind,
            graduate_id=row.graduate_id,
            object_kind="transfer",
            object_id=row.id,
            data=data,
        )


def _catalogue(found: Gathered, holding: Holding) -> list[CatalogueRow]:
    """The frozen items, each with its date and remark while the dossier still holds it as it was frozen."""
    held = {(m.class_code, m.sequence, m.title, m.pages, m.facts.get("sha256")): m for m in holding.materials}
    rows = []
    for item in found.manifest.items if found.manifest is not None else ():
        material = held.get((item.class_code, item.sequence, item.title, item.pages, item.sha256))
        rows.append(
            CatalogueRow(
                item.class_code,
                MATERIAL_CLASSES.get(item.class_code, ""),
                item.sequence,
                item.title,
                (material.formed_on or "") if material else "",
                item.pages,
                (material.remark or "") if material else "",
            )
        )
    return rows


def _catalogue_facts(found: Gathered) -> list[tuple[str, str]]:
    return [
        ("姓名", found.card.name),
        ("身份证号", mask_id_number(found.card.id_number)),
        ("学院", found.graduate.college),
        ("专业", found.graduate.major),
        ("转递号", found.number),
        ("密封编号", found.seal_number or "—"),
        ("接收单位", found.row.receiver_name),
    ]
