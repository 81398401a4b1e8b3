"""Tracking numbers from a carrier's list: every line judged, nothing kept while one is wrong, then as if scanned."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import openpyxl
import pytest

from app.actors import Role
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, TooLarge
from app.transfers.batch_models import BatchState
from app.transfers.rules import Evidence
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from app.transfers.waybills import MAX_BYTES, WaybillReport
from parts import Lantai
from tests.app.conftest import Clerk
from tests.conftest import Person
from tests.moving import Pair, lead, now, opened

Sealed = Callable[..., TransferView]


@pytest.fixture
def sealed(lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person]) -> Sealed:
    def make(channel: Channel = Channel.EMS, at: State = State.SEALED) -> TransferView:
        return lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id, channel=channel), at)

    return make


@pytest.fixture
def batch(lantai: Lantai, pair: Pair) -> UUID:
    return lantai.dispatching.begin(pair.first, Channel.EMS)


def number(n: int) -> str:
    return f"1{n:012d}"


def csv(*rows: tuple[str, ...], head: str = "转递号,运单号", encoding: str = "utf-8") -> bytes:
    return "\r\n".join((head, *(",".join(row) for row in rows))).encode(encoding)


def xlsx(*rows: list[Any]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for cells in rows:
        sheet.append(cells)
    book.save(out)
    return out.getvalue()


def verdicts(report: WaybillReport) -> list[tuple[str, ...]]:
    return [tuple(v.codes) for v in report.lines]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_a_list_is_tried_out_kept_and_handed_over_as_if_scanned(
    lantai: Lantai, pair: Pair, sealed: Sealed, batch: UUID, encoding: str, run_jobs: Callable[[], None]
) -> None:
    views = [sealed() for _ in range(2)]
    data = csv(*((v.number.lower(), f" {number(n)} ") for n, v in enumerate(views)), encoding=encoding)
    tried = lantai.waybills.try_out(pair.first, batch, data)
    assert (tried.sound, tried.wrong, tried.kept) == (2, 0, 0)
    assert lantai.dispatching.batch(pair.first, batch).waiting == 0
    assert lantai.waybills.take_in(pair.first, batch, data, tried.digest).kept == 2
    items = lantai.dispatching.items(pair.first, batch)
    assert [(i.position, i.transfer, i.tracking) for i in items] == [
        (2, views[1].number, number(1)),
        (1, views[0].number, number(0)),
    ]
    with pytest.raises(Conflict, match="waybills_changed"):
        lantai.waybills.take_in(pair.first, batch, data, tried.digest)  # the same form twice
    lantai.dispatching.hand_over(pair.first, batch)
    run_jobs()
    assert lantai.dispatching.batch(pair.first, batch).done == 2
    assert [now(lantai, pair.first, v).state for v in views] == [State.HANDED_TO_CARRIER] * 2


def test_a_workbook_as_the_counter_prints_it(lantai: Lantai, pair: Pair, sealed: Sealed, batch: UUID) -> None:
    first, second = sealed(), sealed()
    rows: list[list[Any]] = [
        ["某市邮政大宗收寄清单", None, None, None],
        ["序号", "邮件号", "收件单位", "客户订单号"],
        [1, "ea 1234 5678 5 cn", "某局", first.number],
        [2, 1099887766554, "某局", second.number],
        [None, None, "合计 2 件", None],
    ]
    report = lantai.waybills.try_out(pair.first, batch, xlsx(*rows))
    assert verdicts(report) == [(), ()]
    assert [(v.line, v.tracking) for v in report.lines] == [(3, "EA123456785CN"), (4, "1099887766554")]
    odd = xlsx(
        ["转递号", "运单号"], [first.number, "=A1"], [second.number, 12345678901234567890], [sealed().number, number(3)]
    )
    assert [codes[:1] for codes in verdicts(lantai.waybills.try_out(pair.first, batch, odd))] == [
        ("formula_cell",),
        ("digits_lost",),
        (),
    ]


def test_every_line_has_its_verdict_and_nothing_is_kept_while_one_is_wrong(
    lantai: Lantai, pair: Pair, sealed: Sealed, batch: UUID
) -> None:
    scanned, used, sound = sealed(), sealed(), sealed()
    lantai.dispatching.add(pair.first, batch, scanned.number, number(1))
    shown = {Evidence.TRACKING_NUMBER: number(2)}
    lantai.transfers.move(pair.first, used.id, used.version, State.HANDED_TO_CARRIER, shown)
    twice, free = sealed(), [sealed() for _ in range(6)]
    lines = [
        ((sound.number, number(10)), ()),
        (("ZD2026999999", number(11)), ("unknown_transfer",)),
        (("", number(12)), ("unknown_transfer",)),
        ((free[0].number.replace("ZD20", "ZD19"), number(13)), ("unknown_transfer",)),
        ((sealed(at=State.CHECKED).number, number(14)), ("not_sealed",)),
        ((used.number, number(15)), ("already_handed_over",)),
        ((sealed(Channel.CONFIDENTIAL_POST).number, number(16)), ("other_channel",)),
        ((scanned.number, number(17)), ("already_scanned",)),
        ((free[0].number, "12345"), ("tracking_number_shape",)),
        ((free[1].number, "EA123456784CN"), ("tracking_number_check_digit",)),
        ((free[2].number, ""), ("tracking_number_missing",)),
        ((free[3].number, number(1)), ("tracking_number_used",)),
        ((free[4].number, number(2)), ("tracking_number_used",)),
        ((free[5].number, number(18)), ("tracking_twice_in_list",)),
        ((twice.number, number(18)), ("transfer_twice_in_list", "tracking_twice_in_list")),
        ((twice.number, number(19)), ("transfer_twice_in_list",)),
    ]
    data = csv(*(row for row, _ in lines))
    tried = lantai.waybills.try_out(pair.first, batch, data)
    assert verdicts(tried) == [codes for _, codes in lines]
    assert lantai.waybills.take_in(pair.first, batch, data, tried.digest).kept == 0
    assert lantai.dispatching.batch(pair.first, batch).waiting == 1
    assert lantai.waybills.take_in(pair.first, batch, data, tried.digest, sound_only=True).kept == 1
    assert [i.transfer for i in lantai.dispatching.items(pair.first, batch)] == [sound.number, scanned.number]


def test_what_changed_since_the_trial_is_not_kept(lantai: Lantai, pair: Pair, sealed: Sealed, batch: UUID) -> None:
    view = sealed()
    data = csv((view.number, number(1)))
    tried = lantai.waybills.try_out(pair.first, batch, data)
    for wrong in ("", "x", tried.digest[:-1]):
        with pytest.raises(Conflict, match="waybills_changed"):
            lantai.waybills.take_in(pair.first, batch, data, wrong)
    lead(lantai, pair, view, State.WITHDRAWN)
    with pytest.raises(Conflict, match="waybills_changed"):
        lantai.waybills.take_in(pair.first, batch, data, tried.digest, sound_only=True)
    lantai.dispatching.drop(pair.first, batch)
    with pytest.raises(Conflict, match="batch_closed"):
        lantai.waybills.try_out(pair.first, batch, data)
    assert lantai.dispatching.batch(pair.first, batch).state is BatchState.DROPPED


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "waybill_list_unusable"),
        (csv(), "waybill_list_unusable"),
        (csv(("ZD2026000001", "1"), head="a,b"), "waybill_list_unusable"),
        (csv(("ZD2026000001", "1"), head="转递编号,运单号"), "waybill_list_unusable"),
        (csv(("1", "2", "3"), head="转递号,邮件号,快递单号"), "waybill_list_unusable"),
        (csv(*(("ZD2026000001", "1"),) * 5001), "waybill_list_unusable"),
        (b"\xff\xfe\xff\xff\x00", "document_unreadable"),
        ("转递号,运单号\n".encode() + b"\x00\xff", "document_unreadable"),
        (b"PK\x03\x04broken", "archive_damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "workbook_encrypted"),
        (xlsx(), "waybill_list_unusable"),
    ],
)
def test_files_that_are_no_list(lantai: Lantai, pair: Pair, batch: UUID, data: bytes, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        lantai.waybills.try_out(pair.first, batch, data)
    assert caught.value.code == code


def test_walls(lantai: Lantai, pair: Pair, clerk: Clerk, batch: UUID) -> None:
    with pytest.raises(TooLarge):
        lantai.waybills.try_out(pair.first, batch, bytes(MAX_BYTES + 1))
    with pytest.raises(NotFound):
        lantai.waybills.try_out(pair.first, uuid4(), csv(("x", "1")))
    for role in (Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR):
        with pytest.raises(Forbidden):
            lantai.waybills.try_out(clerk(role), batch, csv(("x", "1")))


def test_two_lists_at_once_keep_each_dossier_and_number_once(lantai: Lantai, pair: Pair, sealed: Sealed) -> None:
    views = [sealed() for _ in range(3)]
    batches = [lantai.dispatching.begin(pair.first, Channel.EMS) for _ in range(3)]
    data = csv(*((v.number, number(n)) for n, v in enumerate(views)))
    digests = [lantai.waybills.try_out(pair.first, b, data).digest for b in batches]
    found: list[str] = []

    def take(batch: UUID, digest: str) -> None:
        try:
            found.append(str(lantai.waybills.take_in(pair.first, batch, data, digest).kept))
        except DomainError as error:
            found.append(error.code)

    threads = [threading.Thread(target=take, args=each) for each in zip(batches, digests, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["3", "waybills_changed", "waybills_changed"]
    assert sum(lantai.dispatching.batch(pair.first, b).waiting for b in batches) == 3
