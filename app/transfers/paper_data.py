"""What a transfer's papers say, gathered from its rows in the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.dossiers.models import Record, RecordVersion
from app.dossiers.places import body_place
from app.dossiers.rules import Section
from app.envelope import DataKey, open_json
from app.keyring import Keyring
from app.office_time import office_date
from app.people.models import Graduate
from app.people.service import Card, card_place
from app.transfers.batch_models import DispatchItem, number_place
from app.transfers.manifest import Manifest, ManifestBook, code_of
from app.transfers.models import Dispatch, Transfer, numbers_place, proofs_place
from app.transfers.papers import HandOverRow, LabelData, SlipData
from app.transfers.rules import Evidence
from app.transfers.showing import transfer_number
from app.transfers.states import CHANNEL_LABELS, State

UNSEALED = frozenset({State.ASSEMBLED, State.CHECKED})
INSIDE = UNSEALED | {State.SEALED}
"""Nothing has been handed over under the present seal yet: numbers and days of an earlier dispatch do not count."""
# the first transfers keep their numbers under the state's own name
_FORMER = {Evidence.SEAL_NUMBER: State.SEALED, Evidence.TRACKING_NUMBER: State.HANDED_TO_CARRIER}


@dataclass(frozen=True, slots=True)
class Addressee:
    """What the frozen receiver and the registered destination add. ``kind``: 档案转寄类型 in words."""

    kind: str
    employer: str = field(default="", repr=False)
    department: str = ""
    postal_code: str = ""
    phone: str = ""


class Addressees(Protocol):
    """The registry of receivers, as papers need it; plugged in by wiring."""

    def of(self, session: Session, key: DataKey, row: Transfer) -> Addressee: ...


class PlainAddressees:
    """Name and address in the row are all there is."""

    def of(self, session: Session, key: DataKey, row: Transfer) -> Addressee:  # noqa: ARG002 - the port's form
        return Addressee("补充材料转递" if row.supplements is not None else "毕业生档案转递")


@dataclass(frozen=True, slots=True)
class Invitation:
    """To the receiver's counting page: ``slip_id`` stands in its address, ``code`` opens it once."""

    slip_id: UUID
    code: str = field(repr=False)


class Invitations(Protocol):
    """The receiver's counting page, as slips need it; plugged in by wiring."""

    def issue(self, session: Session, row: Transfer) -> Invitation:
        """For a slip that is about to be printed; what an earlier one said may stop to count."""
        ...


class PlainInvitations:
    """The transfer's own public id, and no code: it is told another way."""

    def issue(self, session: Session, row: Transfer) -> Invitation:  # noqa: ARG002 - the port's form
        return Invitation(row.id, "")


@dataclass(frozen=True, slots=True)
class Gathered:
    """``dispatches`` oldest first, each (day, tracking number). ``origin`` and ``destination_code`` may be empty."""

    row: Transfer
    graduate: Graduate
    card: Card = field(repr=False)
    origin: str = field(repr=False)
    destination_code: str = field(repr=False)
    addressee: Addressee
    manifest: Manifest | None
    proofs: Mapping[str, Any] = field(repr=False)
    dispatches: Sequence[tuple[date, str]] = field(repr=False)

    @property
    def number(self) -> str:
        return transfer_number(self.row)

    @property
    def channel(self) -> str:
        return CHANNEL_LABELS[self.row.channel]

    @property
    def manifest_code(self) -> str:
        return "" if self.row.manifest_digest is None else code_of(self.row.manifest_digest)

    @property
    def amount(self) -> tuple[int, int]:
        """Materials and pages; none without a frozen catalogue."""
        return (0, 0) if self.manifest is None else (len(self.manifest.items), self.manifest.pages)

    @property
    def seal_number(self) -> str:
        return "" if self.row.state in UNSEALED else self.shown(Evidence.SEAL_NUMBER)

    @property
    def tracking_number(self) -> str:
        if self.row.state in INSIDE:
            return ""
        return self.dispatches[-1][1] if self.dispatches else self.shown(Evidence.TRACKING_NUMBER)

    @property
    def handed_on(self) -> date | None:
        return None if self.row.state in INSIDE else self.row.handed_on

    def shown(self, kind: Evidence) -> str:
        """The evidence of this kind that was shown last; empty when none was."""
        return last_shown(self.proofs, kind)


def last_shown(proofs: Mapping[str, Any], kind: Evidence) -> str:
    """Of the evidence of a transfer's steps, as its sealed proofs keep them."""
    steps = sorted((int(k) for k in proofs if k.isdigit()), reverse=True)
    found = next((str(proofs[str(n)][kind]) for n in steps if kind in proofs[str(n)]), "")
    former = _FORMER.get(kind)
    return found or (str(proofs.get(former, "")) if former is not None else "")


class PaperData:
    def __init__(
        self,
        keys: Keyring,
        public_url: str,
        addressees: Addressees | None = None,
        invitations: Invitations | None = None,
    ) -> None:
        self._keys, self._public_url = keys, public_url.rstrip("/")
        self._addressees = addressees or PlainAddressees()
        self._invitations = invitations or PlainInvitations()
        self._manifests = ManifestBook()

    def gather(self, session: Session, rows: Sequence[Transfer]) -> list[Gathered]:
        """In the order of ``rows``."""
        owners = [r.graduate_id for r in rows]
        keys = self._keys.for_list(session, owners)
        graduates = {g.id: g for g in session.scalars(select(Graduate).where(Graduate.id.in_(owners)))}
        records = self._records(session, rows, keys)
        dispatches = self._dispatches(session, rows, keys)
        found = []
        for row in rows:
            key, graduate = keys[row.graduate_id], graduates[row.graduate_id]
            found.append(
                Gathered(
                    row,
                    graduate,
                    Card(**open_json(key, card_place(graduate), graduate.sealed_card)),
                    records[row.dossier_id, Section.IDENTITY].get("origin_region", ""),
                    records[row.dossier_id, Section.ENROLMENT].get("destination_code", ""),
                    self._addressees.of(session, key, row),
                    self._manifests.of(session, key, row),
                    open_json(key, proofs_place(row), row.sealed_proofs),
                    dispatches[row.id],
                )
            )
        return found

    def slip(self, session: Session, found: Gathered, copy: int, today: date) -> SlipData:
        """Issues the invitation to the counting page that this printing carries."""
        invitation = self._invitations.issue(session, found.row)
        materials, pages = found.amount
        return SlipData(
            number=found.number,
            name=found.card.name,
            id_number=found.card.id_number,
            phone=found.card.phone,
            origin=found.origin,
            transfer_kind=found.addressee.kind,
            employer=found.addressee.employer,
            receiver=found.row.receiver_name,
            receiver_address=found.row.receiver_address,
            destination_code=found.destination_code,
            channel=found.channel,
            seal_number=found.seal_number,
            on=found.handed_on or today,
            materials=materials,
            pages=pages,
            manifest_code=found.manifest_code or "—",
            receipt_url=f"{self._public_url}/receipt?slip={invitation.slip_id}",
            receipt_code=invitation.code,
            copy=copy,
        )

    @staticmethod
    def label(found: Gathered) -> LabelData:
        to = found.addressee
        return LabelData(
            found.number,
            found.row.receiver_name,
            found.row.receiver_address,
            to.department,
            to.postal_code,
            to.phone,
            found.channel,
        )

    @staticmethod
    def hand_over(found: Gathered) -> HandOverRow:
        return HandOverRow(
            found.number, found.card.name, found.seal_number, found.tracking_number, found.row.receiver_name
        )

    def batch(self, session: Session, items: Sequence[DispatchItem]) -> list[HandOverRow]:
        """In the order of ``items``. Names and numbers alone are opened: a batch may hold thousands."""
        owners = [i.graduate_id for i in items]
        keys = self._keys.many(session, owners)
        graduates = {g.id: g for g in session.scalars(select(Graduate).where(Graduate.id.in_(owners)))}
        wanted = select(Transfer).where(Transfer.id.in_([i.transfer_id for i in items]))
        rows = {r.id: r for r in session.scalars(wanted)}
        found = []
        for item in items:
            row, key, graduate = rows[item.transfer_id], keys.get(item.graduate_id), graduates[item.graduate_id]
            if key is None:  # erased: the line stands, and nothing of the person
                found.append(HandOverRow(transfer_number(row), "—", "", "", row.receiver_name))
                continue
            card = open_json(key, card_place(graduate), graduate.sealed_card)
            proofs = open_json(key, proofs_place(row), row.sealed_proofs)
            tracking = open_json(key, number_place(item), item.sealed_number)["tracking_number"]
            seal = last_shown(proofs, Evidence.SEAL_NUMBER)
            found.append(HandOverRow(transfer_number(row), card["name"], seal, str(tracking), row.receiver_name))
        return found

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _records(
        session: Session, rows: Sequence[Transfer], keys: Mapping[UUID, DataKey]
    ) -> Mapping[tuple[UUID, Section], Mapping[str, str]]:
        """(dossier, section) -> the body of the first record of identity and enrolment."""
        owner = {r.dossier_id: r.graduate_id for r in rows}
        query = (
            select(Record, RecordVersion)
            .join(RecordVersion, (RecordVersion.record_id == Record.id) & (RecordVersion.number == Record.current))
            .where(Record.dossier_id.in_(owner), Record.section.in_((Section.IDENTITY, Section.ENROLMENT)))
            .order_by(Record.position.desc())
        )
        found: dict[tuple[UUID, Section], Mapping[str, str]] = defaultdict(dict)
        for record, version in session.execute(query):
            # the first record comes last and stays
            key = keys[owner[record.dossier_id]]
            found[record.dossier_id, record.section] = open_json(key, body_place(version), version.sealed_body)
        return found

    @staticmethod
    def _dispatches(
        session: Session, rows: Sequence[Transfer], keys: Mapping[UUID, DataKey]
    ) -> Mapping[UUID, list[tuple[date, str]]]:
        owner = {r.id: r.graduate_id for r in rows}
        query = select(Dispatch).where(Dispatch.transfer_id.in_(owner)).order_by(Dispatch.number)
        found: dict[UUID, list[tuple[date, str]]] = defaultdict(list)
        for one in session.scalars(query):
            numbers = open_json(keys[owner[one.transfer_id]], numbers_place(one), one.sealed_numbers)
            found[one.transfer_id].append((office_date(one.handed_at), str(numbers["tracking_number"])))
        return found
