from __future__ import annotations

import os
import uuid
from dataclasses import replace

import pytest

from app.envelope import PAD_STEP, BlindIndex, DataKey, Place, open_bytes, open_json, seal_bytes, seal_json
from app.errors import Tampered

SUITES = ("aes-256-gcm", "sm4-gcm")
ROW = uuid.UUID(int=7)
PLACE = Place("graduate", "sealed_card", ROW, 3)


def data_key(suite: str = "aes-256-gcm") -> DataKey:
    return DataKey(uuid.UUID(int=9), 2, os.urandom(32), suite)


@pytest.mark.parametrize("suite", SUITES)
def test_what_is_sealed_opens_again(suite: str) -> None:
    key = data_key(suite)
    for data in (b"", b"x", os.urandom(5000), "张三".encode()):
        sealed = seal_bytes(key, PLACE, data)
        assert open_bytes(key, PLACE, sealed) == data
        assert data == b"" or data not in sealed or len(data) < 2
    value = {"name": "欧阳修", "list": ["1", {"a": None}]}
    assert open_json(key, PLACE, seal_json(key, PLACE, value)) == value


def test_two_seals_of_one_value_differ_and_suites_share_no_key_material() -> None:
    key = data_key()
    assert seal_bytes(key, PLACE, b"same") != seal_bytes(key, PLACE, b"same")
    other = replace(key, suite="sm4-gcm")
    # the suite is read from the value, so a house that changed its suite still opens what it sealed before
    assert open_bytes(other, PLACE, seal_bytes(key, PLACE, b"old")) == b"old"
    assert open_bytes(key, PLACE, seal_bytes(other, PLACE, b"new")) == b"new"


@pytest.mark.parametrize("suite", SUITES)
def test_every_flipped_bit_is_found(suite: str) -> None:
    key = data_key(suite)
    sealed = seal_json(key, PLACE, {"id_number": "110105200403150012"})
    found = 0
    for position in range(len(sealed)):
        for bit in range(8):
            broken = bytearray(sealed)
            broken[position] ^= 1 << bit
            with pytest.raises(Tampered):
                open_bytes(key, PLACE, bytes(broken))
            found += 1
    assert found == len(sealed) * 8


@pytest.mark.parametrize("suite", SUITES)
def test_cut_and_lengthened_values_are_found(suite: str) -> None:
    key = data_key(suite)
    sealed = seal_bytes(key, PLACE, b"0123456789")
    for length in range(len(sealed)):
        with pytest.raises(Tampered):
            open_bytes(key, PLACE, sealed[:length])
    with pytest.raises(Tampered):
        open_bytes(key, PLACE, sealed + b"\0")


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    "moved",
    [
        Place("staff_member", "sealed_card", ROW, 3),
        Place("graduate", "sealed_totp", ROW, 3),
        Place("graduate", "sealed_card", uuid.UUID(int=8), 3),
        Place("graduate", "sealed_card", ROW, 4),
        # the same letters, cut elsewhere: lengths are part of what is authenticated
        Place("graduates", "ealed_card", ROW, 3),
        Place("graduatesealed_card", "", ROW, 3),
    ],
)
def test_a_value_moved_to_another_cell_does_not_open(suite: str, moved: Place) -> None:
    key = data_key(suite)
    with pytest.raises(Tampered):
        open_bytes(key, moved, seal_bytes(key, PLACE, b"value"))


@pytest.mark.parametrize("suite", SUITES)
def test_another_owner_version_or_key_does_not_open(suite: str) -> None:
    key = data_key(suite)
    sealed = seal_bytes(key, PLACE, b"value")
    for other in (
        replace(key, owner=uuid.UUID(int=10)),
        replace(key, version=3),
        replace(key, material=os.urandom(32)),
    ):
        with pytest.raises(Tampered):
            open_bytes(other, PLACE, sealed)


def test_the_length_of_a_short_text_does_not_show() -> None:
    key = data_key()
    short, longer = (len(seal_json(key, PLACE, {"name": n})) for n in ("张三", "阿依古丽买买提"))
    assert short == longer
    lengths = {len(seal_json(key, PLACE, {"t": "x" * n})) for n in range(200)}
    assert {b - a for a, b in zip(sorted(lengths), sorted(lengths)[1:], strict=False)} == {PAD_STEP}


def test_a_tampered_value_names_its_table_and_nothing_of_it() -> None:
    key = data_key()
    sealed = bytearray(seal_bytes(key, PLACE, b"secret-value"))
    sealed[-1] ^= 1
    with pytest.raises(Tampered) as caught:
        open_bytes(key, PLACE, bytes(sealed))
    assert caught.value.params == {"table": "graduate"}
    assert "secret" not in repr(key)
    assert key.material.hex() not in repr(key)


def test_blind_indexes_meet_only_for_the_same_cell_and_key() -> None:
    index = BlindIndex(bytes(32))
    base = index.of("graduate", "phone", "13800138000")
    assert base == index.of("graduate", "phone", "13800138000")
    others = {
        index.of("graduate", "phone", "13800138001"),
        index.of("graduate", "id_number", "13800138000"),
        index.of("staff", "phone", "13800138000"),
        index.of("graduate", "phone", "13800138000", version=2),
        BlindIndex(b"\1" * 32).of("graduate", "phone", "13800138000"),
        index.of("graduate.phone", "", "13800138000"),
    }
    assert len(others) == 6
    assert base not in others
