"""Where passkeys are offered, and the clear word where they cannot be."""

from __future__ import annotations

import pytest

from app.settings import Settings


@pytest.mark.parametrize(
    ("url", "origin", "domain"),
    [
        ("https://archive.example.edu.cn", "https://archive.example.edu.cn", "archive.example.edu.cn"),
        ("https://archive.example.edu.cn:8443/", "https://archive.example.edu.cn:8443", "archive.example.edu.cn"),
        ("http://localhost:8000", "http://localhost:8000", "localhost"),
    ],
)
def test_offered_at_a_name(url: str, origin: str, domain: str) -> None:
    found = Settings(public_url=url, passkeys="on")
    assert (found.passkey_origin, found.passkey_domain_used, found.faults()) == (origin, domain, [])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:8000", "bare IP address 127.0.0.1"),
        ("https://192.0.2.7", "bare IP address 192.0.2.7"),
        ("https://[2001:db8::7]", "bare IP address 2001:db8::7"),
        ("http://archive.example.edu.cn", "not https"),
    ],
)
def test_refused_with_a_clear_word_where_browsers_offer_none(url: str, words: str) -> None:
    asked = Settings(public_url=url, passkeys="on")
    (fault,) = asked.faults()
    assert words in fault
    assert "LANTAI_PUBLIC_URL" in fault
    assert asked.passkey_origin == ""
    # not asked for, the house starts with the other way alone
    assert Settings(public_url=url).faults() == []
    assert Settings(public_url=url).passkey_origin == ""


def test_a_domain_above_the_host_and_no_other() -> None:
    url = "https://archive.example.edu.cn"
    above = Settings(public_url=url, passkeys="on", passkey_domain="example.edu.cn")
    assert (above.faults(), above.passkey_domain_used) == ([], "example.edu.cn")
    for wrong in ("other.edu.cn", "chive.example.edu.cn", "cn"):
        (fault,) = Settings(public_url=url, passkeys="on", passkey_domain=wrong).faults()
        assert "LANTAI_PASSKEY_DOMAIN" in fault


def test_off_is_off() -> None:
    assert Settings(public_url="https://archive.example.edu.cn", passkeys="off").passkey_origin == ""


def test_production_at_a_bare_address_says_so_or_says_off() -> None:
    at = {"environment": "production", "public_url": "https://192.0.2.7"}
    assert any("bare IP address" in f for f in Settings(**at).faults())  # type: ignore[arg-type]
    assert not any("bare IP" in f for f in Settings(**at, passkeys="off").faults())  # type: ignore[arg-type]
