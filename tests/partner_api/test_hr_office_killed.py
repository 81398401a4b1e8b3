"""The sandbox's HR office killed, cut off and pushed to while it fetches: it goes on, and says the same thing again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.transfers.electronic_models import ElectronicLeg
from parts import Lantai
from providers.sandbox.hr_desk import fetch_for_ever
from providers.sandbox.hr_office import BLOCK, HrOffice, Interrupted
from tests.electronic import Registry, leg_of, plugged, registry
from tests.partner_api.offices import new_office, send, site

__all__ = ["new_office", "plugged", "registry", "send", "site"]


@pytest.fixture(autouse=True)
def _plugged_in(plugged: None, registry: Registry) -> None:
    """The registry is there before anything is wired."""


def test_a_line_cut_in_a_download_is_an_interruption_and_the_office_goes_on(
    new_office: Callable[..., HrOffice],
    send: Callable[[], ElectronicLeg],
    lantai: Lantai,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leg, office, calls = send(), new_office(), list[int]()
    real = requests.Response.iter_content

    def cut(self: requests.Response, size: int = 1) -> Iterator[bytes]:
        if size == BLOCK:
            calls.append(size)
        for block in real(self, 1000):
            yield block
            if size == BLOCK and len(calls) == 1:
                raise requests.exceptions.ChunkedEncodingError("the web was killed")

    monkeypatch.setattr(requests.Response, "iter_content", cut)
    stop = threading.Event()
    monkeypatch.setattr(stop, "wait", lambda _: len(calls) > 1 or stop.is_set())
    fetch_for_ever(office, 0.0, stop)
    assert len(calls) == 2
    assert leg_of(lantai, leg.id).state.value == "e_receipt"


def test_a_package_that_cannot_be_dealt_with_keeps_nobody_waiting(
    new_office: Callable[..., HrOffice], send: Callable[[], ElectronicLeg], lantai: Lantai
) -> None:
    stuck, behind = send(), send()
    office = new_office()
    real = office.judge

    def judge(told: dict[str, Any]) -> None:
        if told["id"] == str(stuck.id):
            raise Interrupted("409")
        real(told)

    office.judge = judge  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        office.work()
    assert leg_of(lantai, behind.id).state.value == "e_receipt"
    assert leg_of(lantai, stuck.id).state.value == "submitted"


def test_an_office_killed_after_its_receipt_was_heard_knows_of_it_again(
    new_office: Callable[..., HrOffice], send: Callable[[], ElectronicLeg], tmp_path: Path
) -> None:
    leg, office = send(), new_office()
    real = office._say

    def dying(package: str, what: str, body: dict[str, Any]) -> None:
        real(package, what, body)
        if what == "receipt":
            raise SystemExit

    office._say = dying  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        office.work()
    (tmp_path / "hr" / "hr-left").mkdir()  # as a kill leaves it
    again = new_office()
    assert again.got[str(leg.id)].state == "answering"
    assert again.work() == 0
    got = again.got[str(leg.id)]
    assert (got.state, got.receipt, got.sha256) == ("accepted", f"HR-{str(leg.id)[:8].upper()}", leg.digest.hex())  # type: ignore[union-attr]
    assert not list((tmp_path / "hr").glob("hr-*"))


def test_a_receipt_said_again_after_a_kill_is_the_same_one(
    new_office: Callable[..., HrOffice], send: Callable[[], ElectronicLeg], monkeypatch: pytest.MonkeyPatch
) -> None:
    leg, office = send(), new_office()
    real, days = office._say, list[str]()

    def dying(package: str, what: str, body: dict[str, Any]) -> None:
        if what == "receipt":
            days.append(body["issued_on"])
            raise SystemExit
        real(package, what, body)

    office._say = dying  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        office.work()
    entry = json.loads((register := register_of(office, leg)).read_text())
    register.write_text(json.dumps({**entry, "issued_on": "2026-01-02"}))
    again = new_office()
    said = list[dict[str, Any]]()
    honest = again._say

    def listening(package: str, what: str, body: dict[str, Any]) -> None:
        said.append(body)
        honest(package, what, body)

    again._say = listening  # type: ignore[method-assign]
    assert again.work() == 1
    assert said[-1]["issued_on"] == "2026-01-02"  # what the book says, whatever day it is now


def register_of(office: HrOffice, leg: ElectronicLeg) -> Path:
    return office._register._path(str(leg.id))


def test_a_push_and_a_download_of_one_package_do_not_spoil_each_other(
    new_office: Callable[..., HrOffice],
    send: Callable[[], ElectronicLeg],
    lantai: Lantai,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leg, office = send(), new_office()
    real = requests.Response.iter_content

    def pushed_meanwhile(self: requests.Response, size: int = 1) -> Iterator[bytes]:
        body = b"".join(real(self, size))
        if size != BLOCK:
            yield body
            return
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]
            more = body[start : start + 1700]
            office.take_chunk(str(leg.id), f"bytes {start}-{start + len(more) - 1}/{len(body)}", more)

    monkeypatch.setattr(requests.Response, "iter_content", pushed_meanwhile)
    assert office.work() == 1
    assert leg_of(lantai, leg.id).state.value == "e_receipt"


def test_another_cipher_text_under_a_known_id_is_refused(
    new_office: Callable[..., HrOffice], send: Callable[[], ElectronicLeg], lantai: Lantai
) -> None:
    leg, office = send(), new_office()
    told = office.waiting()[0]
    office.fetch(told)
    office._register.note(str(leg.id), sha256="0" * 64)
    office.judge(told)
    assert office.got[str(leg.id)].reason == "digest_mismatch"
    assert leg_of(lantai, leg.id).state.value == "rejected"


def test_what_is_being_pushed_is_fetched_only_once_the_push_stands_still(
    new_office: Callable[..., HrOffice], send: Callable[[], ElectronicLeg]
) -> None:
    leg, office = send(), new_office()
    package = str(leg.id)
    office.take_envelope(package, leg.envelope or "", leg.signature or "")
    assert office.work() == 0
    office.take_chunk(package, f"bytes 0-9/{leg.size}", bytes(10))
    assert office.work() == 0
    office._cipher(package).unlink()
    assert office.work() == 0  # it changed once more
    assert office.work() == 1
    assert office.got[package].came == "pushed"
