"""No message holds an address on the net, a run of digits, a name or an ID number: every text in every state."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.ports import Platform
from notifications.catalogue.editions import EDITIONS
from notifications.catalogue.fields import PUSHED, mail_text, platform_fields, sms_text
from notifications.catalogue.staff_lines import staff_line_for
from notifications.catalogue.words import notice_for
from notifications.chat import texts
from notifications.check_codes import CheckCodes
from tests.notifications.catalogue.samples import happenings, staff_happenings

AT = datetime(2026, 12, 31, 3, 0, tzinfo=UTC)
DAY = "2026年12月31日"
SCHOOL = "兰台大学"
CONTACT = "学校档案馆学生档案科"
CODE = CheckCodes(b"k" * 32).of(UUID(int=7))
PERSON: Mapping[str, str] = {
    "name": "欧阳文静",
    "student_number": "20220101",
    "id_number": "110105200403150017",
    "phone": "13800000001",
    "email": "wenjing@example.com",
    "receiver_name": "杭州市人才服务中心",
    "address": "文三路",
    "tracking_number": "EX123456789CN",
}
"""What no event holds: put into every event's data, it must come out nowhere."""
LINK = re.compile(
    r"https?:|www[.]|//|[a-z0-9-]+[.](?:com|cn|net|org|edu|gov|io|me|top|vip|xyz|shop|cc)\b|[a-z]://|二维码|点击链接",
    re.IGNORECASE | re.ASCII,
)
ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
DIGITS = re.compile(r"\d{5,}")
ID_NUMBER = re.compile(r"\d{6}(?:19|20)\d{9}[\dXx]|\d{15}")
Told = tuple[str, str]


def offences(text: str) -> list[str]:
    """What stands in ``text`` that may not. The day and the check-code of the message are no offence."""
    bare = text.replace(DAY, "").replace(CODE, "")
    found = [
        kind
        for kind, pattern in (("link", LINK), ("address", ADDRESS), ("digits", DIGITS), ("id", ID_NUMBER))
        if pattern.search(bare)
    ]
    return found + [f"person:{what}" for what, value in PERSON.items() if value in bare]


def notices() -> Iterator[Told]:
    for version in EDITIONS:
        for kind, data in happenings(version):
            words = notice_for(kind, {**data, **PERSON}, version)
            assert words is not None
            where = f"{version} {words.key}"
            yield from ((where, said) for said in (words.title, words.body, words.phrase, words.hint, words.page))
            for platform in PUSHED:
                yield from (
                    (f"{where} {platform}", v) for v in platform_fields(platform, words, SCHOOL, AT, CODE).values()
                )
            yield f"{where} sms", sms_text(words, SCHOOL, CODE)
            yield from ((f"{where} mail", part) for part in mail_text(words, SCHOOL, CONTACT, AT, CODE))


def staff_lines() -> Iterator[Told]:
    for kind, data in staff_happenings():
        line = staff_line_for(kind, {**data, **PERSON})
        assert line is not None, kind
        yield f"staff {kind}", line


def chat_texts() -> Iterator[Told]:
    for name, value in vars(texts).items():
        if not name.isupper() or name == "TEXTS_VERSION":
            continue
        if isinstance(value, str):
            yield f"chat {name}", value
        elif isinstance(value, Mapping):
            yield from ((f"chat {name} {key}", said) for key, said in value.items())


def faults(told: Iterator[Told]) -> list[str]:
    return [f"{where}: {offence}" for where, text in told for offence in offences(text)]


def test_no_text_of_the_catalogue_names_anybody_or_leads_away() -> None:
    assert faults(notices()) == []
    assert faults(staff_lines()) == []
    assert faults(chat_texts()) == []


def test_enough_was_looked_at() -> None:
    assert len(list(notices())) > 2 * 80 * 10
    assert len(list(staff_lines())) >= 12
    assert len(list(chat_texts())) > 30


@pytest.mark.parametrize(
    ("text", "offence"),
    [
        ("详情见 https://example.com/a", "link"),
        ("请访问 WWW.Example.Com", "link"),
        ("登录 dangan.edu.cn 查询", "link"),
        ("weixin://dl/business", "link"),
        ("请扫二维码办理", "link"),
        ("来信 a@b", "address"),
        ("请致电 057188887777", "digits"),
        ("学号20220101", "person:student_number"),
        ("证件号 11010520040315001X", "id"),
        ("欧阳文静同学，您好", "person:name"),
        ("已寄往杭州市人才服务中心", "person:receiver_name"),
        ("单号 EX123456789CN", "person:tracking_number"),
    ],
)
def test_a_planted_fault_is_found(text: str, offence: str) -> None:
    assert offence in offences(text)
    assert faults(iter([("planted", f"您的档案已寄出。{text}")])) != []


def test_a_notice_that_would_repeat_the_event_s_data_is_found() -> None:
    """Planted: words with a blank for what an event may hold."""
    words = notice_for("chat.answered", {})
    assert words is not None

    def careless(data: Mapping[str, Any]) -> str:
        return f"{words.body}经办：{data['name']}"

    assert offences(careless(PERSON)) == ["person:name"]


def test_what_is_allowed_passes() -> None:
    assert offences(f"学校暂缓保管您的档案至 {DAY}，核验码{CODE}，30 日内可评价，工作日 {'{opens}'}–{'{closes}'}") == []
    words = notice_for("transfer.hold_ending", {"kept_until": "2026-12-31", "stage": "over"})
    assert words is not None
    assert DAY in words.body
    assert DAY in platform_fields(Platform.WECHAT, words, SCHOOL, AT, CODE).values()
