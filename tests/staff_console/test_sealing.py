"""Batch sealing at the console: what two persons scan, and what each of them reads."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from app.actors import Role
from app.transfers.sealing import MOST, pairs
from app.transfers.showing import TransferView
from app.transfers.states import State
from parts import Lantai
from tests.conftest import Person
from tests.fakes import jpeg
from tests.moving import desk_pair, lead, now, opened
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]


@pytest.fixture
def first(desk: Desks) -> Desk:
    return desk(Role.ARCHIVIST)


@pytest.fixture
def second(desk: Desks) -> Desk:
    return desk(Role.DISPATCHER)


def checked(lantai: Lantai, person: Person) -> TransferView:
    pair = desk_pair(lantai)
    return lead(lantai, pair, opened(lantai, pair.first, person.id), State.CHECKED)


def state_of(lantai: Lantai, desk: Desk, view: TransferView) -> State:
    return now(lantai, desk.login.actor, view).state


def photo() -> tuple[io.BytesIO, str]:
    return io.BytesIO(jpeg()), "tray.jpg"


def test_two_persons_seal_a_tray(first: Desk, second: Desk, graduate_factory: People, lantai: Lantai) -> None:
    views = [checked(lantai, graduate_factory()) for _ in range(2)]
    scanned = "\n".join(f"{view.number.lower()}\nmf-{n}" for n, view in enumerate(views))
    page = first.read("/sealing").text
    assert "待密封的档案共 2 份" in page
    assert "没有等待确认的密封" in page
    sent = first.post("/sealing/propose", {"scanned": scanned, "photo": photo()})
    assert sent.status_code == 303
    assert "已提出" in first.read("/sealing").text
    waiting = second.read("/sealing").text
    assert all(view.number in waiting for view in views)
    assert "MF-0" not in waiting  # it is read off the envelope
    assert {state_of(lantai, first, view) for view in views} == {State.CHECKED}
    alone = first.post("/sealing/confirm", {"scanned": scanned})
    assert (alone.status_code, "不能是同一人" in alone.text) == (409, True)
    assert second.post("/sealing/confirm", {"scanned": scanned}).status_code == 303
    assert {state_of(lantai, first, view) for view in views} == {State.SEALED}
    assert "没有等待确认的密封" in second.read("/sealing").text


def test_every_dossier_keeps_the_photo_and_its_own_number(
    first: Desk, second: Desk, graduate_factory: People, lantai: Lantai
) -> None:
    views = [checked(lantai, graduate_factory()) for _ in range(2)]
    scanned = " ".join(f"{view.number} MF-{n}" for n, view in enumerate(views))
    first.post("/sealing/propose", {"scanned": scanned, "photo": photo()})
    acts = [lantai.double_acts.waiting(second.login.actor, v.graduate_id, v.id) for v in views]
    assert [dict(act.shown)["密封编号"] for act in acts if act] == ["MF-0", "MF-1"]
    pictures = [
        lantai.double_acts.photo(second.login.actor, v.graduate_id, a.id) for v, a in zip(views, acts, strict=True) if a
    ]
    assert len(pictures) == 2
    assert pictures[0] == pictures[1]


def test_what_is_wrong_with_one_holds_up_no_other(
    first: Desk, second: Desk, graduate_factory: People, lantai: Lantai
) -> None:
    good, early, twice = checked(lantai, graduate_factory()), graduate_factory(), checked(lantai, graduate_factory())
    pair = desk_pair(lantai)
    draft = opened(lantai, pair.first, early.id)
    scanned = f"{good.number} MF-1 {draft.number} MF-2 {twice.number} MF-3 ZD202699999999 MF-4"
    sent = first.post("/sealing/propose", {"scanned": scanned, "photo": photo()})
    assert sent.status_code == 409
    assert "有 2 份没有办成，其余 2 份已提出" in sent.text
    assert f"{draft.number}\nMF-2\nZD202699999999\nMF-4</textarea>" in sent.text
    again = first.post("/sealing/propose", {"scanned": f"{good.number} MF-1", "photo": photo()})
    assert "待他人确认" in again.text
    swapped = second.post("/sealing/confirm", {"scanned": f"{good.number} MF-3 {twice.number} MF-3"})
    assert "其余 1 份已密封" in swapped.text
    assert "与提出人登记的不一致" in swapped.text
    assert state_of(lantai, first, good) is State.CHECKED
    assert state_of(lantai, first, twice) is State.SEALED
    late = second.post("/sealing/confirm", {"scanned": f"{twice.number} MF-3"})
    assert "没有待确认的密封" in late.text


def test_one_number_for_two_dossiers_is_refused(first: Desk, graduate_factory: People, lantai: Lantai) -> None:
    views = [checked(lantai, graduate_factory()) for _ in range(2)]
    scanned = " ".join(f"{view.number} MF-7" for view in views)
    sent = first.post("/sealing/propose", {"scanned": scanned, "photo": photo()})
    assert sent.text.count("出现不止一次") == 2
    assert "没有等待确认的密封" in first.read("/sealing").text


@pytest.mark.parametrize(
    ("scanned", "words"),
    [
        ("", "请依次扫描"),
        ("ZD2026000001", "之后缺少密封编号"),
        ("ZD2026000001 ZD2026000002 MF-1", "之后缺少密封编号"),
        ("MF-1 ZD2026000001", "之前缺少转递号"),
        (" ".join(f"ZD2026{n:06d} MF-{n}" for n in range(MOST + 1)), f"一次最多 {MOST} 份"),
    ],
)
def test_readings_that_make_no_pairs(first: Desk, scanned: str, words: str) -> None:
    for path in ("propose", "confirm"):
        sent = first.post(f"/sealing/{path}", {"scanned": scanned, "photo": photo()})
        assert sent.status_code == 422
        assert words in sent.text


def test_no_photo_no_proposal(first: Desk, graduate_factory: People, lantai: Lantai) -> None:
    view = checked(lantai, graduate_factory())
    sent = first.post("/sealing/propose", {"scanned": f"{view.number} MF-1"})
    assert (sent.status_code, "请上传密封照片" in sent.text) == (422, True)
    assert f"{view.number} MF-1</textarea>" in sent.text
    text = first.post("/sealing/propose", {"scanned": f"{view.number} MF-1", "photo": (io.BytesIO(b"no"), "x.jpg")})
    assert text.status_code == 422


def test_pairs_are_read_in_any_spacing() -> None:
    found = pairs("zd2026000001\r\nmf-1\n\n  ZD2026000002   MF-2 ")
    assert [(pair.transfer, pair.seal) for pair in found] == [("ZD2026000001", "MF-1"), ("ZD2026000002", "MF-2")]
