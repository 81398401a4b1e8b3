"""The receiver counts what came against the frozen catalogue and gives its receipt: one slip, one code, one effect."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database, new_id
from app.dossiers.rules import MATERIAL_CLASSES
from app.envelope import BlindIndex, DataKey, seal_json
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.keyring import Keyring
from app.ports import Clock, RateLimiter
from app.text_rules import hides_something
from app.transfers import rules
from app.transfers.counting_models import Slip, TransferCase, case_place, count_place, open_case
from app.transfers.counting_rules import (
    MOST_COUNTED,
    MOST_WRONG,
    WHO_MOST,
    CaseKind,
    CaseState,
    ClassTotal,
    Counted,
    Difference,
    differences,
    totals,
)
from app.transfers.invitations import blind_code
from app.transfers.manifest import Manifest, code_of
from app.transfers.models import Transfer
from app.transfers.proving import plain_number
from app.transfers.rules import Evidence
from app.transfers.showing import transfer_number
from app.transfers.states import ARRIVED, SOUGHT, State
from app.transfers.steps import TransferSteps

MISMATCH = "transfer.count_mismatch"


class Outcome(StrEnum):
    MATCHED = "matched"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class ClassSheet:
    """One class of the catalogue: its total and its titles in order, each with its pages."""

    total: ClassTotal
    label: str
    titles: Sequence[tuple[str, int | None]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CountingSheet:
    """What the holder of a code sees. With an ``outcome`` it has been counted: nothing else is shown then."""

    number: str
    receiver: str
    manifest_code: str
    classes: Sequence[ClassSheet] = field(repr=False)
    outcome: Outcome | None = None
    e_receipt: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """What was sent. ``counted`` maps "items_4-1" and "pages_4-1" to what was typed; ``all_as_listed`` outdoes it."""

    receipt_number: str = field(repr=False)
    counted_by: str = field(repr=False)
    all_as_listed: bool
    counted: Mapping[str, str] = field(repr=False)


class CountingService:
    """Unknown, withdrawn, expired and outdated slips and wrong codes all give NotFound('slip_not_open')."""

    def __init__(
        self,
        db: Database,
        keys: Keyring,
        steps: TransferSteps,
        index: BlindIndex,
        limits: RateLimiter,
        clock: Clock,
    ) -> None:
        self._db, self._keys, self._steps, self._index = db, keys, steps, index
        self._limits, self._clock = limits, clock

    def open(self, slip_id: UUID | None, code: str, address: str) -> CountingSheet:
        """The frozen catalogue in full, titles too: the receiver is the archive that now keeps these papers and has
        the same list in its hands, printed. Raises NotFound('slip_not_open'), RateLimited.
        """
        slip_id = self._admitted(slip_id, code, address)
        with self._db.transaction() as session:
            row, slip = self._locked(session, slip_id)
            if slip.used_at is not None:
                return self._done(session, row, slip)
            manifest = self._manifest(session, self._keys.of(row.graduate_id), row)
            return CountingSheet(
                transfer_number(row), row.receiver_name, code_of(slip.manifest_digest), _classes(manifest)
            )

    def count(self, slip_id: UUID | None, code: str, address: str, given: Count) -> CountingSheet:
        """Equal: the transfer is received. Not equal: a case opens and the transfer stays. Sent again, what came of
        the first stands.

        Raises NotFound('slip_not_open'), RateLimited, Invalid by field, Conflict('counting_too_early',
        'counted_already', 'counting_in_dispute').
        """
        slip_id = self._admitted(slip_id, code, address)
        with self._db.transaction() as session:
            row, slip = self._locked(session, slip_id)
            if slip.used_at is not None:
                return self._done(session, row, slip)
            self._require_ready(session, row)
            key = self._keys.of(row.graduate_id)
            listed = [c.total for c in _classes(self._manifest(session, key, row))]
            receipt, counted = _checked(given, listed)
            found = differences(listed, counted)
            slip.used_at = self._clock.now()
            said = {"receipt_number": receipt, "counted_by": given.counted_by.strip(), "counted": dict(counted)}
            slip.sealed_count = seal_json(key, count_place(slip), said)
            actor = Actor(ActorKind.PARTNER, row.receiver_id or slip.id)
            if found:
                self._dispute(session, actor, row, key, slip, found)
            else:
                evidence = {Evidence.RECEIPT_NUMBER: receipt, Evidence.MANIFEST_CODE: code_of(slip.manifest_digest)}
                self._steps.take(session, actor, row, key, State.RECEIVED, evidence)
            session.flush()
            return self._done(session, row, slip)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _admitted(self, slip_id: UUID | None, code: str, address: str) -> UUID:
        """The slip's id when its code is right. A wrong one is counted whatever else becomes of the request."""
        self._limits.hit("receipt-address", address, limit=40, window_s=300)
        self._limits.hit("receipt-slip", str(slip_id), limit=20, window_s=300)
        with self._db.transaction() as session:
            slip = session.get(Slip, slip_id, with_for_update=True) if slip_id is not None else None
            # measured for an unknown slip too, so that both take the same way
            given = blind_code(self._index, slip_id or UUID(int=0), code)
            right = hmac.compare_digest(given, bytes(32) if slip is None else slip.code_bidx)
            held = slip is not None and slip.voided_at is None and slip.attempts < MOST_WRONG
            if slip is not None and held and not right:
                slip.attempts += 1
                if slip.attempts >= MOST_WRONG and slip.used_at is None:
                    slip.voided_at = self._clock.now()
        if slip is None or not right or not held:
            raise NotFound("slip_not_open")
        return slip.id

    def _locked(self, session: Session, slip_id: UUID) -> tuple[Transfer, Slip]:
        """The transfer first, as printing does it. Raises NotFound for what no longer holds."""
        owner = session.scalar(select(Slip.transfer_id).where(Slip.id == slip_id))
        if owner is None:
            raise NotFound("slip_not_open")
        row = self._steps.locked(session, owner)
        slip = session.get_one(Slip, slip_id, with_for_update=True, populate_existing=True)
        if slip.used_at is None and (
            slip.voided_at is not None
            or self._clock.now() >= slip.expires_at
            or row.manifest_digest is None
            or not hmac.compare_digest(slip.manifest_digest, row.manifest_digest)
        ):
            raise NotFound("slip_not_open")
        return row, slip

    @staticmethod
    def _require_ready(session: Session, row: Transfer) -> None:
        if row.state in ARRIVED:
            raise Conflict("counted_already")
        if rules.edge(row.state, State.RECEIVED) is None:
            raise Conflict("counting_while_sought" if row.state in SOUGHT else "counting_too_early")
        if open_case(session, row.id) is not None:
            raise Conflict("counting_in_dispute")

    def _manifest(self, session: Session, key: DataKey, row: Transfer) -> Manifest:
        found = self._steps.manifests.of(session, key, row)
        if found is None:
            raise NotFound("slip_not_open")
        return found

    def _dispute(
        self, session: Session, actor: Actor, row: Transfer, key: DataKey, slip: Slip, found: Sequence[Difference]
    ) -> None:
        case = TransferCase(
            id=new_id(),
            transfer_id=row.id,
            graduate_id=row.graduate_id,
            slip_id=slip.id,
            kind=CaseKind.MISMATCH,
            state=CaseState.OPEN,
            opened_at=self._clock.now(),
        )
        lines = [[d.class_code, d.what, d.listed, d.counted] for d in found]
        case.sealed_body = seal_json(key, case_place(case), {"differences": lines})
        # no relationship tells the order: the case points at its slip
        session.flush()
        session.add(case)
        self._steps.record(session, actor, row, MISMATCH, case=str(case.id))

    def _done(self, session: Session, row: Transfer, slip: Slip) -> CountingSheet:
        disputed = session.scalar(select(TransferCase.id).where(TransferCase.slip_id == slip.id)) is not None
        outcome = Outcome.MISMATCH if disputed else Outcome.MATCHED
        receipt = "" if disputed else f"{transfer_number(row)}-HZ{slip.number}"
        return CountingSheet(
            transfer_number(row), row.receiver_name, code_of(slip.manifest_digest), (), outcome, receipt
        )


def _classes(manifest: Manifest) -> Sequence[ClassSheet]:
    listed = totals((i.class_code, i.pages) for i in manifest.items)
    titles: dict[str, list[tuple[str, int | None]]] = {t.class_code: [] for t in listed}
    for item in manifest.items:
        titles[item.class_code].append((item.title, item.pages))
    return tuple(ClassSheet(t, MATERIAL_CLASSES.get(t.class_code, ""), tuple(titles[t.class_code])) for t in listed)


def _checked(given: Count, listed: Sequence[ClassTotal]) -> tuple[str, Counted]:
    """Raises Invalid with every fault at once."""
    faults = []
    receipt, who = plain_number(given.receipt_number), given.counted_by.strip()
    if not receipt:
        code = "letters_and_digits_only" if given.receipt_number.strip() else "required"
        faults.append(FieldFault("/receipt_number", code, "请填写回执编号，只能含字母、数字和短横线，最多 40 个字符"))
    if not who:
        faults.append(FieldFault("/counted_by", "required", "请填写清点人"))
    elif len(who) > WHO_MOST or hides_something(who):
        faults.append(FieldFault("/counted_by", "too_long", f"清点人最多 {WHO_MOST} 个字，不能含隐藏字符"))
    counted: dict[str, tuple[int, int | None]] = {}
    for total in listed:
        if given.all_as_listed:
            counted[total.class_code] = (total.items, total.pages)
            continue
        items = _number(given, "items", total.class_code, faults)
        pages = None if total.pages is None else _number(given, "pages", total.class_code, faults)
        counted[total.class_code] = (items, pages)
    if faults:
        raise Invalid("invalid_input", faults=faults)
    return receipt, counted


def _number(given: Count, what: str, class_code: str, faults: list[FieldFault]) -> int:
    text = given.counted.get(f"{what}_{class_code}", "").strip()
    if text.isascii() and text.isdigit() and len(text) <= len(str(MOST_COUNTED)):
        return int(text)
    unit = "份数" if what == "items" else "页数"
    faults.append(FieldFault(f"/{what}_{class_code}", "wrong", f"第 {class_code} 类的{unit}请填 0 至 {MOST_COUNTED}"))
    return 0
