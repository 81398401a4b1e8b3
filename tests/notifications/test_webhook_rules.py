"""Rules of webhooks without any network or database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from notifications import webhook_rules as rules

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_ten_tries_take_about_seventy_five_hours() -> None:
    assert rules.TRIES == 10
    assert timedelta(hours=75) <= sum(rules.WAITS, timedelta()) <= timedelta(hours=76)
    assert list(rules.WAITS) == sorted(rules.WAITS)
    for tries, wait in enumerate(rules.WAITS, 1):
        early, late = (rules.next_try(tries, NOW, luck) for luck in (0.0, 0.999))
        assert early is not None
        assert late is not None
        assert 0.89 * wait < early - NOW < wait < late - NOW < 1.11 * wait
    assert rules.next_try(rules.TRIES, NOW, 0.5) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("120", 120),
        ("0", 0),
        ("-5", 0),
        ("soon", 0),
        ("１２０", 0),
        ("9" * 40, 86400),
        (format_datetime(NOW + timedelta(minutes=10), usegmt=True), 600),
        (format_datetime(NOW - timedelta(minutes=10), usegmt=True), 0),
        ("Mon, 01 Jun 2026 00:10:00 -0000", 600),
        (format_datetime(NOW + timedelta(days=400), usegmt=True), 86400),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_a_day_at_most(header: str, seconds: int) -> None:
    assert rules.asked_to_wait(header, NOW) == timedelta(seconds=seconds)


def test_retry_after_makes_a_wait_longer_never_shorter() -> None:
    short = rules.next_try(1, NOW, 0.5, "600")
    long = rules.next_try(9, NOW, 0.5, "600")
    assert short == NOW + timedelta(minutes=10)
    assert long == NOW + rules.WAITS[8]


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://bot.example/hook", ""),
        ("https://bot.example:8443/hook?room=1", ""),
        ("http://bot.example/hook", "webhook_https"),
        ("http://127.0.0.1:9/hook", "webhook_https"),
        ("ftp://bot.example/", "webhook_https"),
        ("https://user@bot.example/", "webhook_url"),
        ("https://user:word@bot.example/", "webhook_url"),
        ("https://bot.example/#", "webhook_url"),
        ("https://bot.example/a b", "webhook_url"),
        ("https://bot.example/\r\nHost: x", "webhook_url"),
        ("https://例子.example/", "webhook_url"),
        ("https://bot.example:x/", "webhook_url"),
        ("https://[::1/", "webhook_url"),
        ("bot.example", "webhook_url"),
        ("", "webhook_url"),
        ("https://bot.example/" + "a" * 2028, ""),
        ("https://bot.example/" + "a" * 2029, "too_long"),
    ],
)
def test_the_form_of_an_address(url: str, fault: str) -> None:
    assert rules.url_fault(url, local=False) == fault


def test_plain_http_is_taken_for_this_machine_where_that_is_allowed() -> None:
    assert rules.url_fault("http://127.0.0.1:9/hook", local=True) == ""
    assert rules.url_fault("http://bot.example/hook", local=True) == "webhook_https"


def test_only_two_hundreds_are_success() -> None:
    said = {status: rules.reason_of(status) for status in (100, 200, 204, 299, 300, 301, 308, 400, 404, 410, 429, 500)}
    assert {status for status, reason in said.items() if not reason} == {200, 204, 299}
    assert (said[301], said[410], said[429]) == ("redirect", "gone", "status")
    assert set(said.values()) - {""} <= set(rules.REASONS)


def test_rests_grow_to_ten_minutes() -> None:
    rests = [rules.rest(n) for n in range(40)]
    assert rests[: rules.PATIENCE] == [timedelta(0)] * rules.PATIENCE
    assert rests[rules.PATIENCE] == timedelta(seconds=30)
    assert rests == sorted(rests)
    assert rests[-1] == rules.LONGEST_REST
