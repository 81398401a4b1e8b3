"""Codes of places and dossiers."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.custody.rules import is_place, own_code, own_range, place_codes, place_key, place_words, scanned
from app.errors import FieldFault


@pytest.mark.parametrize(
    ("first", "last", "codes"),
    [
        ("A-03-2-05", "", ["A-03-2-05"]),
        (" a－03－2－05 ", "", ["A-03-2-05"]),
        ("A-1-1", "A-1-3", ["A-1-1", "A-1-2", "A-1-3"]),
        ("B2-09-1", "B2-10-2", ["B2-09-1", "B2-09-2", "B2-10-1", "B2-10-2"]),
        ("A-1-1-1-01", "A-1-1-1-02", ["A-1-1-1-01", "A-1-1-1-02"]),
    ],
)
def test_places_are_named_singly_or_in_a_range(first: str, last: str, codes: list[str]) -> None:
    assert place_codes(first, last) == codes


@pytest.mark.parametrize(
    ("first", "last", "fault"),
    [
        ("", "", FieldFault("/first", "required")),
        ("A", "", FieldFault("/first", "place_shape")),
        ("A-1", "", FieldFault("/first", "place_shape")),
        ("1-1-1", "", FieldFault("/first", "place_shape")),
        ("A-1-1-1-1-1", "", FieldFault("/first", "place_shape")),
        ("A-1-12345", "", FieldFault("/first", "place_shape")),
        ("A-1-x", "", FieldFault("/first", "place_shape")),
        ("A-1-1", "A-1", FieldFault("/last", "place_shape")),
        ("A-1-1", "B-1-2", FieldFault("/last", "place_range")),
        ("A-1-2", "A-1-1", FieldFault("/last", "place_range")),
        ("A-1-1", "A-1-1-1", FieldFault("/last", "place_range")),
        ("A-1-1", "A-9999-9999", FieldFault("/last", "too_many_places")),
    ],
)
def test_what_is_no_place_is_said(first: str, last: str, fault: FieldFault) -> None:
    assert place_codes(first, last) == fault


def test_places_whose_numbers_are_equal_are_one() -> None:
    assert place_key("A-03-2-05") == place_key("A-3-002-5")
    assert place_key("A-03-2-05") != place_key("A-03-2-50")
    assert place_words("A-03-2-05-11") == "A 库 03 列 2 节 05 层 11 盒"


def test_codes_of_dossiers_are_no_places_and_lead_back() -> None:
    dossier = UUID("12345678-9abc-4def-8123-456789abcdef")
    code = own_code(dossier)
    assert code == "DA123456789ABC"
    span = own_range(scanned(f" {code.lower()} "))
    assert span is not None
    assert span[0] <= dossier <= span[1]
    assert not (span[0] <= UUID("12345678-9abd-4def-8123-456789abcdef") <= span[1])
    for text in (code, "ZD2026000123", "EA123456785CN", ""):
        assert not is_place(text)
    for text in ("DA12345", "DA123456789ABG", "ZD2026000123"):
        assert own_range(text) is None
