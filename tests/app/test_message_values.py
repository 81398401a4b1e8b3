"""The platforms' value rules at their limits: one fits, one more does not."""

from __future__ import annotations

import pytest

from app.message_values import alipay_data, alipay_faults, units, wechat_fault, wechat_faults
from app.ports import OutboundMessage, SendFailed
from providers.alipay.messages import fit_keyword
from providers.wechat.messages import fit_value

FAMILY = "👨‍👩‍👧"  # three emoji joined by two joiners: 8 units
RARE = "𠮷"  # an ideograph outside the basic plane: 2 units


@pytest.mark.parametrize(
    ("key", "fits", "breaks"),
    [
        ("thing1", "字" * 20, "字" * 21),
        ("thing1", "x" * 20, "x" * 21),
        ("thing1", "😀" * 10, "😀" * 10 + "x"),
        ("thing1", "字" * 18 + "😀", "字" * 19 + "😀"),
        ("thing1", "字" * 12 + FAMILY, "字" * 13 + FAMILY),
        ("thing1", RARE * 10, RARE * 10 + "字"),
        ("number1", "1" * 32, "1" * 33),
        ("number1", "3.5", "３.５"),
        ("letter1", "A" * 32, "A" * 33),
        ("symbol1", "!?#%&", "!?#%&!"),
        ("symbol1", "!", "字"),
        ("character_string1", "x" * 32, "x" * 33),
        ("character_string1", "EX-2026/001", "编号001"),
        ("character_string1", "a b", "a😀"),
        ("time1", "15:01", "24:00"),
        ("time1", "2019年10月1日 15:01", "2019年10月32日 15:01"),
        ("date1", "2024年2月29日", "2023年2月29日"),
        ("date1", "2018-01-01", "2018-1/1"),
        ("date1", "2018.01.01", "01.01.2018"),
        ("amount1", "¥1234567890", "¥12345678901"),
        ("amount1", "100元", "一百元"),
        ("phone_number1", "1" * 17, "1" * 18),
        ("car_number1", "粤A8Z888挂", "粤A8Z8888挂"),
        ("name1", "字" * 10, "字" * 11),
        ("name1", "a" * 20, "a" * 21),
        ("name1", "欧阳", "欧阳A"),
        ("phrase1", "五个字的词", "六个字太长了"),
        ("phrase1", "已办结", "已办结1"),
        ("phrase1", "好", "😀"),
        ("enum1", "男", "男" * 21),
    ],
)
def test_one_more_is_one_too_many(key: str, fits: str, breaks: str) -> None:
    kind = key.rstrip("1")
    assert wechat_fault(key, fits) == ""
    assert wechat_fault(key, breaks) == f"bad_{kind}"
    assert fit_value(key, fits) == fits
    if kind == "thing":
        assert wechat_fault(key, fit_value(key, breaks)) == ""
    else:
        with pytest.raises(SendFailed, match="send_failed"):
            fit_value(key, breaks)


@pytest.mark.parametrize("hidden", ["\n", "\r", "\t", "\x00", "\x1b", "\x7f", "\u0085", "\u2028", "\u2029", "\ud800"])
def test_controls_are_refused_everywhere(hidden: str) -> None:
    assert wechat_fault("thing1", f"通{hidden}知") == "control_character"
    assert wechat_faults({"thing1": "好", "phrase2": f"好{hidden}"}) == ["phrase2:control_character"]
    assert alipay_faults({"keyword1": f"通{hidden}知", "keyword2": "好"}) == ["keyword1:control_character"]


def test_empty_values_and_unknown_types() -> None:
    assert wechat_fault("thing1", "") == wechat_fault("phrase1", " \u3000 ") == "empty"
    assert wechat_fault("widget1", "x") == wechat_fault("1", "x") == "unknown_type"
    assert alipay_faults({"keyword1": " "}) == ["keyword1:empty"]


@pytest.mark.parametrize(
    ("fits", "breaks"), [("字" * 50, "字" * 51), ("😀" * 25, "😀" * 25 + "x"), ("x" * 50, "x" * 51)]
)
def test_alipay_takes_fifty(fits: str, breaks: str) -> None:
    assert alipay_faults({"keyword1": fits}) == []
    assert alipay_faults({"keyword1": breaks}) == ["keyword1:too_long"]
    assert fit_keyword("keyword1", fits) == fits


def test_alipay_takes_2048_bytes_in_all() -> None:
    fields = {f"keyword{n}": "字" * 50 for n in range(1, 12)}
    room = 2048 - len(alipay_data({**fields, "keyword12": ""}).encode())
    last = "字" * (room // 3) + "x" * (room % 3)
    assert 0 < len(last) < 50
    assert alipay_faults({**fields, "keyword12": last}) == []
    assert alipay_faults({**fields, "keyword12": last + "x"}) == ["data:too_long"]


def test_a_fault_names_the_key_and_never_the_value() -> None:
    message = OutboundMessage("o", "t", "p", {"phrase2": "张三的档案已到"})
    assert wechat_faults(message.fields) == ["phrase2:bad_phrase"]


def test_units_are_what_a_phone_counts() -> None:
    assert [units(t) for t in ("", "a", "字", "😀", RARE, FAMILY)] == [0, 1, 1, 2, 2, 8]
