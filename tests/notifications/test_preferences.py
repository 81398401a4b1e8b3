"""What a graduate chose, over HTTP and as pure rules: what cannot be switched off, and when quiet hours end."""

from __future__ import annotations

import threading
import time as time_module
from collections.abc import Callable
from datetime import datetime, time
from typing import Any
from uuid import UUID

import pytest

from app.errors import VersionMismatch
from app.events import EventLog
from app.office_time import OFFICE_TIME
from notifications.catalogue.text import Importance, Topic
from notifications.channel_rules import (
    Channel,
    Choices,
    QuietHours,
    Standing,
    credit_words,
    fixed,
    may_push,
    waits_until,
)
from notifications.preferences import QuietWish
from parts import Lantai
from tests.conftest import ApiClient, Person

NIGHT = QuietHours(True, time(22), time(8))
NOON = QuietHours(True, time(12), time(14))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=OFFICE_TIME)


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        (NIGHT, at(1, 21, 59), None),
        (NIGHT, at(1, 22), at(2, 8)),
        (NIGHT, at(1, 23, 59), at(2, 8)),
        (NIGHT, at(2, 0), at(2, 8)),
        (NIGHT, at(2, 7, 59), at(2, 8)),
        (NIGHT, at(2, 8), None),
        (NOON, at(1, 11, 59), None),
        (NOON, at(1, 12), at(1, 14)),
        (NOON, at(1, 13, 59), at(1, 14)),
        (NOON, at(1, 14), None),
        (QuietHours(True, time(9), time(9)), at(1, 9), None),
        (QuietHours(False, time(22), time(8)), at(1, 23), None),
    ],
)
def test_when_quiet_hours_end(quiet: QuietHours, now: datetime, until: datetime | None) -> None:
    assert quiet.until(now) == until


def test_what_is_urgent_or_about_safety_never_waits_unless_it_is_ordinary() -> None:
    choices = Choices((), NIGHT)
    waits = {(i, t) for i in Importance for t in Topic if waits_until(choices, i, t, at(1, 23)) is not None}
    important = {(Importance.IMPORTANT, t) for t in Topic if t is not Topic.SECURITY}
    assert waits == important | {(Importance.ORDINARY, t) for t in Topic}


def test_what_cannot_be_switched_off() -> None:
    everything = Choices({f"{t.value}:{c.value}" for t in Topic for c in Channel}, NIGHT)
    kept = {(t, c) for t in Topic for c in Channel if everything.wants(t, c)}
    assert kept == {*((t, Channel.INBOX) for t in Topic), (Topic.SECURITY, Channel.PUSH)}
    assert kept == {(t, c) for t in Topic for c in Channel if fixed(t, c)}


@pytest.mark.parametrize(
    ("standing", "ordinary", "words"),
    [
        (None, True, "未订阅，通知只在站内显示"),
        (Standing(True, 2), True, "还可接收约 2 条"),
        (Standing(True, 1), False, "还可接收约 1 条"),
        (Standing(True, 0), False, "提醒次数已用完，请重新订阅"),
        (Standing(False, 3), False, "未订阅，通知只在站内显示"),
        (Standing(True, None), True, "已订阅"),
        (Standing(False, None), False, "未订阅，通知只在站内显示"),
        (Standing(True, 0, long_term=True), True, "长期订阅"),
        (Standing(False, 0, long_term=True), False, "未订阅，通知只在站内显示"),
    ],
)
def test_the_last_credit_is_kept_and_the_estimate_stops_nothing_important(
    standing: Standing | None, ordinary: bool, words: str
) -> None:
    assert may_push(Importance.ORDINARY, standing) is ordinary
    assert may_push(Importance.IMPORTANT, standing)
    assert may_push(Importance.URGENT, standing)
    assert credit_words(standing) == words


def test_of_two_first_changes_at_once_one_is_told_that_the_other_came_first(
    lantai: Lantai, graduate_factory: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    actor, both, ended = graduate_factory().actor(), threading.Barrier(2), list[str]()
    real = EventLog.record

    def change() -> None:
        both.wait(10)
        try:
            lantai.preferences.change(actor, 0, [], QuietWish(True, "23:00", "07:30"))
            ended.append("changed")
        except VersionMismatch:
            ended.append("mismatch")

    def slow(self: EventLog, *given: Any, **more: Any) -> UUID:
        time_module.sleep(0.3)  # in the transaction, so that the other comes meanwhile
        return real(self, *given, **more)

    monkeypatch.setattr(EventLog, "record", slow)
    threads = [threading.Thread(target=change) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(ended) == ["changed", "mismatch"]
    assert lantai.preferences.read(actor).version == 1


# --- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture
def http(graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]) -> ApiClient:
    return signed_in(graduate_factory(), 2)


def wish(*choices: tuple[str, str, bool], begins: str = "23:00", ends: str = "07:30") -> dict[str, Any]:
    return {
        "choices": [{"topic": t, "channel": c, "wanted": w} for t, c, w in choices],
        "quiet_hours": {"enabled": True, "begins": begins, "ends": ends},
    }


def chosen(reply: Any) -> set[tuple[str, str]]:
    return {(c["topic"], c["channel"]) for c in reply.json["choices"] if not c["wanted"]}


def test_choices_are_read_and_changed_with_their_version(http: ApiClient) -> None:
    first = http.get("/me/preferences")
    assert (first.headers["ETag"], chosen(first)) == ('"0"', set())
    assert first.json["quiet_hours"] == {"enabled": True, "begins": "22:00", "ends": "08:00"}
    changed = http.put("/me/preferences", json=wish(("transfer", "push", False)), headers={"If-Match": '"0"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"1"')
    again = http.put("/me/preferences", json=wish(("chat", "sms", False)), headers={"If-Match": '"1"'})
    assert chosen(again) == {("transfer", "push"), ("chat", "sms")}  # what is not named stays
    back = http.put("/me/preferences", json=wish(("transfer", "push", True)), headers={"If-Match": '"2"'})
    assert chosen(back) == {("chat", "sms")}
    read = http.get("/me/preferences")
    assert read.json == back.json
    assert read.json["quiet_hours"] == {"enabled": True, "begins": "23:00", "ends": "07:30"}


@pytest.mark.parametrize(
    ("body", "version", "status", "code", "fault"),
    [
        (wish(), None, 428, "precondition_required", None),
        (wish(), '"3"', 412, "version_mismatch", None),
        (wish(("security", "push", False)), '"0"', 422, "preferences_invalid", "choice_fixed"),
        (wish(("chat", "inbox", False)), '"0"', 422, "preferences_invalid", "choice_fixed"),
        (wish(("chat", "sms", False), ("chat", "sms", True)), '"0"', 422, "preferences_invalid", "choice_twice"),
        (wish(begins="24:00"), '"0"', 422, "invalid_input", None),
        (wish(("weather", "push", False)), '"0"', 422, "invalid_input", None),
    ],
)
def test_choices_that_are_refused(
    body: dict[str, Any], version: str | None, status: int, code: str, fault: str | None, http: ApiClient
) -> None:
    headers = {"If-Match": version} if version is not None else {}
    refused = http.put("/me/preferences", json=body, headers=headers)
    assert (refused.status_code, refused.json["code"]) == (status, code)
    if fault is not None:
        assert [e["code"] for e in refused.json["errors"]] == [fault]
    assert http.get("/me/preferences").headers["ETag"] == '"0"'
