"""The papers of transfers in the console: downloads of one and of many, who may, what is refused, the links shown."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from app.actors import Role
from app.events import Event
from app.transfers.rules import Evidence
from app.transfers.showing import TransferView
from app.transfers.states import State
from parts import Lantai
from tests.conftest import Person
from tests.moving import Pair, lead, opened
from tests.pdf_reading import pages_of
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]


@pytest.fixture
def led(lantai: Lantai, graduate_factory: Callable[..., Person], pair: Pair) -> Callable[..., TransferView]:
    return lambda state, name="": lead(lantai, pair, opened(lantai, pair.first, graduate_factory(name).id), state)


def printed(lantai: Lantai) -> int:
    with lantai.db.transaction() as session:
        return session.scalar(select(func.count(Event.id)).where(Event.type.like("transfer.%_printed"))) or 0


def test_each_paper_is_a_download_that_nobody_keeps(desk: Desks, led: Callable[..., TransferView]) -> None:
    view, clerk = led(State.TRACING, "欧阳文静"), desk(Role.DISPATCHER)
    for path, words in (
        ("slip.pdf", "毕业生档案转递回执"),
        ("label.pdf", "人事档案密封件"),
        ("catalogue.pdf", "档案材料目录"),
        ("letter/trace.pdf", "关于查询档案邮件下落的函"),
    ):
        answer = clerk.get(f"/transfers/{view.id}/{path}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf"), path
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert words in pages_of(answer.data)[0], path


def test_the_page_offers_what_can_be_printed_now(
    desk: Desks, led: Callable[..., TransferView], lantai: Lantai, pair: Pair
) -> None:
    view, clerk = led(State.SCHOOL_APPROVED), desk(Role.DISPATCHER)

    def offered(who: Desk) -> list[str]:
        page = who.read(f"/graduates/{view.graduate_id}/transfers")
        return [str(a["href"]).split("/")[-1] for tag, a in page.tags if tag == "a" and ".pdf" in str(a.get("href"))]

    assert offered(clerk) == []
    lead(lantai, pair, view, State.SEALED)
    assert offered(clerk) == ["slip.pdf", "label.pdf", "catalogue.pdf"]
    lead(lantai, pair, lantai.transfers.of_graduate(pair.first, view.graduate_id)[0], State.LOST_SUSPECTED)
    assert offered(clerk) == ["slip.pdf", "label.pdf", "catalogue.pdf", "trace.pdf"]
    assert offered(desk(Role.REVIEWER)) == []


@pytest.mark.parametrize(
    ("form", "pages", "words"),
    [
        ({"paper": "slips"}, 2, "第三联回执"),
        ({"paper": "labels", "skip": "7"}, 2, "人事档案密封件"),
        ({"paper": "labels", "skip": "99"}, 1, "人事档案密封件"),
        ({"paper": "single_labels", "skip": "7"}, 2, "人事档案密封件"),
        ({"paper": "hand_over"}, 1, "本清单共2件"),
    ],
)
def test_many_are_printed_into_one_file(
    form: dict[str, str], pages: int, words: str, desk: Desks, led: Callable[..., TransferView], lantai: Lantai
) -> None:
    ids = [str(led(State.SEALED).id) for _ in range(2)]
    answer = desk(Role.DISPATCHER).post("/transfers/papers", {**form, "transfer": ids})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    found = pages_of(answer.data)
    assert len(found) == pages
    assert words in found[-1]
    assert printed(lantai) == 2


def test_the_hand_over_list_says_what_is_handed_over(
    desk: Desks, led: Callable[..., TransferView], lantai: Lantai, pair: Pair
) -> None:
    first, second, third = led(State.SEALED, "欧阳文静"), led(State.SEALED, "司马相如"), led(State.SEALED, "诸葛明")
    clerk = desk(Role.DISPATCHER)

    def listed() -> str:
        chosen = {"paper": "hand_over", "transfer": [str(second.id), str(first.id)]}
        answer = clerk.post("/transfers/papers", chosen)
        assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
        [page] = pages_of(answer.data)
        return page

    page = listed()
    for words in ("交接清单", "中国邮政速递物流（EMS）", "本清单共2件", "MF2026-01", "某市人才服务中心"):
        assert words in page, words
    # the list stays with the carrier: names are masked
    for view, name, whole in ((first, "欧阳**", "欧阳文静"), (second, "司马**", "司马相如")):
        assert view.number in page
        assert name in page
        assert whole not in page
    assert page.index(first.number) < page.index(second.number)
    assert third.number not in page
    assert "诸葛" not in page
    handed = lead(lantai, pair, first, State.HANDED_TO_CARRIER)
    [number] = [p.text for s in handed.steps for p in s.proofs if p.kind is Evidence.TRACKING_NUMBER]
    assert number not in page
    assert number in listed()


def test_the_list_has_ticks_for_what_can_be_printed(desk: Desks, led: Callable[..., TransferView]) -> None:
    ready, early, clerk = led(State.SEALED), led(State.DRAFT), desk(Role.DISPATCHER)
    page = clerk.read("/transfers")
    ticks = [a for tag, a in page.tags if tag == "input" and a.get("name") == "transfer"]
    assert [(a["value"], a["form"]) for a in ticks] == [(str(ready.id), "papers")]
    assert str(early.id) not in page.text
    assert "/console/transfers/papers" in page.forms


def test_a_batch_offers_its_list_once_something_is_in_it(
    desk: Desks, led: Callable[..., TransferView], lantai: Lantai
) -> None:
    view, clerk = led(State.SEALED), desk(Role.DISPATCHER)
    batch = lantai.dispatching.begin(clerk.login.actor, view.channel)
    address = f"/dispatch/{batch}/list.pdf"
    assert address not in clerk.get(f"/dispatch/{batch}").text
    assert clerk.get(address).status_code == 409
    lantai.dispatching.add(clerk.login.actor, batch, view.number, "EA000000014CN")
    assert address in clerk.get(f"/dispatch/{batch}").text
    answer = clerk.get(address)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert view.number in pages_of(answer.data)[0]
    assert clerk.get(f"/dispatch/{uuid4()}/list.pdf").status_code == 404
    assert desk(Role.REVIEWER).get(address).status_code == 403


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"paper": "slips"}, 422),
        ({"paper": "slips", "transfer": "x"}, 422),
        ({"paper": "slips", "transfer": ["early"]}, 409),
        ({"paper": "slips", "transfer": [str(UUID(int=5))]}, 404),
        ({"paper": "poster", "transfer": ["ready"]}, 422),
        ({"transfer": ["ready"]}, 422),
        ({"paper": "slips", "transfer": ["ready", "early"]}, 409),
    ],
)
def test_what_cannot_be_printed_is_said_and_not_recorded(
    form: dict[str, str | list[str]], status: int, desk: Desks, led: Callable[..., TransferView], lantai: Lantai
) -> None:
    ids = {"ready": str(led(State.SEALED).id), "early": str(led(State.DRAFT).id)}
    sent = {k: [ids.get(i, i) for i in v] if isinstance(v, list) else v for k, v in form.items()}
    answer = desk().post("/transfers/papers", sent)
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert printed(lantai) == 0


def test_others_may_not_and_unknown_ones_are_absent(
    desk: Desks, led: Callable[..., TransferView], lantai: Lantai
) -> None:
    view, clerk = led(State.SEALED), desk()
    paths = ("slip.pdf", "label.pdf", "catalogue.pdf", "letter/trace.pdf")
    for role in (Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR):
        other = desk(role)
        assert [other.get(f"/transfers/{view.id}/{p}").status_code for p in paths] == [403] * 4
        assert other.post("/transfers/papers", {"paper": "slips", "transfer": str(view.id)}).status_code == 403
    assert [clerk.get(f"/transfers/{uuid4()}/{p}").status_code for p in paths] == [404] * 4
    assert clerk.get(f"/transfers/{view.id}/letter/poem.pdf").status_code == 404
    assert clerk.get(f"/transfers/{view.id}/letter/trace.pdf").status_code == 409
    bare = clerk.login.client.post("/console/transfers/papers", data={"paper": "slips", "transfer": str(view.id)})
    assert bare.status_code == 403
    assert printed(lantai) == 0
