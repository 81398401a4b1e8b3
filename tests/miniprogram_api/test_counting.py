"""The graduate reads that the receiver's count found a difference, and what happens next."""

from __future__ import annotations

from collections.abc import Callable

from app.transfers.states import State
from parts import Lantai
from tests.conftest import ApiClient, Person
from tests.counting import ADDRESS, counted, printed_slip
from tests.moving import desk_pair, lead, opened


def test_a_difference_is_told_in_plain_words(
    lantai: Lantai, graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]
) -> None:
    person, pair = graduate_factory(), desk_pair(lantai)
    view = lead(lantai, pair, opened(lantai, pair.first, person.id), State.SEALED)
    slip = printed_slip(lantai, pair, view)
    lead(lantai, pair, view, State.DELIVERED_UNCONFIRMED)
    http = signed_in(person, level=2)
    [item] = http.get("/transfers").json["items"]
    assert (item["dispute"], item["next_words"]) == ("", "等待接收单位核对并签收回执；送达不等于已接收")
    classes = lantai.counting.open(slip.id, slip.code, ADDRESS).classes
    wrong = {f"items_{c.total.class_code}": "9" for c in classes} | {
        f"pages_{c.total.class_code}": "9" for c in classes
    }
    lantai.counting.count(slip.id, slip.code, ADDRESS, counted(**wrong))
    [item] = http.get("/transfers").json["items"]
    assert item["dispute"].startswith("接收单位清点时发现材料与目录不一致，档案尚未登记为已接收。咨询：")
    assert item["next_words"] == "学校与接收单位核实清点差异，核实后由接收单位再次清点并登记回执；本人暂时不需要办理"
    assert (item["state"], item["received"]) == ("delivered_unconfirmed", False)
    assert http.get("/status").json["transfer_next"] == item["next_words"]
