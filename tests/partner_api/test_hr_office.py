"""The sandbox's HR office over real HTTP: fetched or pushed, broken off and resumed, nothing altered believed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.errors import Invalid, Unavailable
from app.jobs import PushElectronic
from app.package_ports import Delivery
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.electronic_push import WAITS
from parts import Lantai
from providers.pushing import HttpPusher
from providers.sandbox.hr_checks import HrIdentity, Refused, open_package
from providers.sandbox.hr_desk import create_hr_desk
from providers.sandbox.hr_office import Answer, HrOffice, Interrupted, offline_by
from providers.signing import public_pem
from tests.electronic import CODE, Registry, leg_of, plugged, registry
from tests.fakes import FakeClock
from tests.partner_api.offices import new_office, send, served, site

__all__ = ["new_office", "plugged", "registry", "send", "site"]


@pytest.fixture(autouse=True)
def _plugged_in(plugged: None, registry: Registry) -> None:
    """The registry is there before anything is wired."""


@pytest.fixture
def keys_file(lantai: Lantai, tmp_path: Path) -> Path:
    path = tmp_path / "school.pem"
    path.write_text("".join(public_pem(raw) for raw in lantai.packer._signer.public_keys().values()))
    return path


def test_fetched_opened_checked_by_the_archives_own_program_and_receipted(
    new_office: Callable[..., HrOffice], send: Callable[[], ElectronicLeg], lantai: Lantai, keys_file: Path
) -> None:
    command = [sys.executable, "-m", "cli", "check", "--offline", "{folder}", "--public-key", str(keys_file)]
    office = new_office(offline_by(command))
    leg = send()
    assert office.work() == 1
    row = leg_of(lantai, leg.id)
    assert (row.state.value, row.receipt_digest) == ("e_receipt", row.manifest_digest)
    assert row.receipt_signature is not None
    assert office.got[str(leg.id)].state == "accepted"
    assert office.work() == 0
    page = create_hr_desk(office).test_client().get("/").text
    assert str(leg.id) in page
    assert "已接收" in page


def test_a_download_that_breaks_goes_on_where_it_was_in_another_process(
    new_office: Callable[..., HrOffice], send: Callable[[], ElectronicLeg], lantai: Lantai, monkeypatch: Any
) -> None:
    leg = send()
    for broken in (100, 1000, 7000):
        with pytest.raises(Interrupted):
            new_office().work(break_after=broken)
    asked = list[str]()
    real = lantai.receiver_door.content

    def counted(*given: Any) -> Any:
        found = real(*given)

        def read(offset: int, length: int) -> Any:
            asked.append(f"{offset}+{length}")
            return found.read(offset, length)

        return type(found)(found.file, found.size, found.digest, read)

    monkeypatch.setattr(lantai.receiver_door, "content", counted)
    office = new_office()
    assert office.work() == 1
    assert leg_of(lantai, leg.id).state.value == "e_receipt"
    # what had come is not asked for again
    assert [a.split("+")[0] for a in asked] == ["8100"]


def test_a_script_sends_packages_back_with_reasons(
    new_office: Callable[..., HrOffice], send: Callable[[], ElectronicLeg], lantai: Lantai
) -> None:
    office = new_office(script=lambda _: Answer(("material_missing",), "缺成绩单原件"))
    leg = send()
    office.work()
    row = leg_of(lantai, leg.id)
    assert (row.state.value, row.reasons) == ("rejected", ["material_missing"])


def test_altered_on_the_way_is_refused_and_said_so(
    new_office: Callable[..., HrOffice], send: Callable[[], ElectronicLeg], lantai: Lantai, tmp_path: Path
) -> None:
    office, leg = new_office(), send()
    told = office.waiting()[0]
    path = office.fetch(told)
    spoilt = bytearray(path.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    path.write_bytes(spoilt)
    office.judge(told)
    row = leg_of(lantai, leg.id)
    assert (row.state.value, row.reasons) == ("rejected", ["digest_mismatch"])
    assert office.got[str(leg.id)].state == "refused"


def test_each_wall_stands_alone(
    new_office: Callable[..., HrOffice], send: Callable[[], ElectronicLeg], registry: Registry, tmp_path: Path
) -> None:
    office = new_office()
    send()
    told = office.waiting()[0]
    path = office.fetch(told)
    good = (office.who, told["id"], told["envelope"].encode(), told["signature"], path)
    stranger = type(registry.keys)()

    def reason(n: int, *given: Any, offline: Callable[[Path], bool] = lambda _: True) -> str:
        work = tmp_path / f"work-{n}"
        work.mkdir()
        try:
            who, package, envelope, signature, cipher = given
            open_package(who, package, envelope, signature, cipher, work, offline)
        except Refused as refusal:
            return refusal.reason
        return ""

    who, package, envelope, signature, cipher = good
    other_key = HrIdentity(CODE, who.identity, {})
    lost = HrIdentity(CODE, stranger.identity, who.trusted)
    elsewhere = HrIdentity("HR-OTHER", who.identity, who.trusted)
    cut = tmp_path / "cut.age"
    cut.write_bytes(cipher.read_bytes()[:-1])
    assert reason(0, *good) == ""
    assert reason(1, other_key, *good[1:]) == "signature_invalid"
    assert reason(2, lost, *good[1:]) == "not_our_person"  # the envelope names another recipient
    assert reason(3, elsewhere, *good[1:]) == "not_our_person"
    assert reason(4, who, "0" * 32, *good[2:]) == "not_our_person"
    assert reason(5, who, package, envelope + b" ", signature, cipher) == "signature_invalid"
    assert reason(6, who, package, envelope, signature[:-4] + "AA==", cipher) == "signature_invalid"
    assert reason(7, who, package, envelope, signature, cut) == "digest_mismatch"
    assert reason(8, *good, offline=lambda _: False) == "check_failed"


# --- pushing ----------------------------------------------------------------------------------------------------------


def pushed(lantai: Lantai, leg: ElectronicLeg) -> ElectronicLeg:
    lantai.electronic_push.work(PushElectronic(leg.id))
    return leg_of(lantai, leg.id)


def test_pushed_in_chunks_and_answered_without_fetching(
    new_office: Callable[..., HrOffice], send: Callable[[], ElectronicLeg], lantai: Lantai, registry: Registry
) -> None:
    office = new_office()
    with served(create_hr_desk(office)) as desk:
        registry.pushed_to(f"{desk}/inbox")
        lantai.electronic_push._pusher = HttpPusher(loopback=True, chunk=1000)
        leg = send()  # the job pushes it
        assert leg.pushed_at is not None
        assert pushed(lantai, leg).push_tries == 0  # a second job finds it done
    assert office._cipher(str(leg.id)).stat().st_size == leg.size
    office.work()
    assert office.got[str(leg.id)].came == "pushed"
    assert leg_of(lantai, leg.id).state.value == "e_receipt"


def test_a_push_that_breaks_resumes_and_a_receiver_that_is_away_is_tried_later(
    new_office: Callable[..., HrOffice],
    send: Callable[[], ElectronicLeg],
    lantai: Lantai,
    registry: Registry,
    clock: FakeClock,
) -> None:
    office = new_office()
    desk = create_hr_desk(office)
    seen = list[str]()
    real = office.take_chunk

    def breaking(package: str, content_range: str, body: bytes) -> tuple[int, int]:
        seen.append(content_range)
        if len(seen) == 4:
            return 500, 0
        return real(package, content_range, body)

    office.take_chunk = breaking  # type: ignore[method-assign]
    with served(desk) as url:
        registry.pushed_to(f"{url}/inbox")
        lantai.electronic_push._pusher = HttpPusher(loopback=True, chunk=1000)
        leg = send()
        assert (leg.trouble, leg.push_tries) == ("push_unreachable", 1)
        assert pushed(lantai, leg).push_tries == 1  # before its time: another job is scheduled
        clock.advance(seconds=WAITS[0].total_seconds())
        leg = pushed(lantai, leg)
    assert leg.pushed_at is not None
    assert (leg.trouble, leg.push_tries) == (None, 1)
    # the second try asks how far the first came, and goes on there
    assert [s.split("/")[0] for s in seen[:6]] == [
        "bytes *", "bytes 0-999", "bytes 1000-1999", "bytes 2000-2999", "bytes *", "bytes 2000-2999",
    ]  # fmt: skip
    assert len(office._cipher(str(leg.id)).read_bytes()) == leg.size


def test_tries_end_and_the_package_still_waits_to_be_fetched(
    send: Callable[[], ElectronicLeg],
    lantai: Lantai,
    registry: Registry,
    new_office: Callable[..., HrOffice],
    clock: FakeClock,
) -> None:
    registry.pushed_to("http://127.0.0.1:9/inbox")
    row = send()
    for tries, wait in enumerate(WAITS, 1):
        assert (row.push_tries, row.push_due_at) == (tries, clock.now() + wait)
        clock.advance(seconds=wait.total_seconds())
        row = pushed(lantai, row)
    assert (row.pushed_at, row.trouble, row.push_due_at) == (None, "push_unreachable", None)
    assert pushed(lantai, row).push_tries == len(WAITS) + 1  # nothing is tried any more
    assert new_office().work() == 1
    row = leg_of(lantai, row.id)
    assert (row.state.value, row.trouble, row.trouble_at) == ("e_receipt", None, None)


@pytest.mark.parametrize(
    ("url", "addresses", "loopback", "allowed"),
    [
        ("https://hr.example.cn/in", ["93.184.216.34"], False, True),
        ("http://hr.example.cn/in", ["93.184.216.34"], False, False),
        ("https://hr.example.cn/in", ["10.1.2.3"], False, False),
        ("https://hr.example.cn/in", ["93.184.216.34", "192.168.0.1"], False, False),
        ("https://hr.example.cn/in", ["127.0.0.1"], False, False),
        ("https://hr.example.cn/in", ["169.254.169.254"], True, False),
        ("https://hr.example.cn/in", ["::ffff:10.0.0.1"], False, False),
        ("https://hr.example.cn/in", ["64:ff9b::a00:1"], False, False),
        ("https://hr.example.cn/in", ["fe80::1%eth0"], False, False),
        ("https://hr.example.cn/in", ["100.64.0.1"], False, False),
        ("https://u:p@hr.example.cn/in", ["93.184.216.34"], False, False),
        ("https://hr.example.cn/in?x=1", ["93.184.216.34"], False, False),
        ("ftp://hr.example.cn/in", ["93.184.216.34"], False, False),
        ("http://localhost/in", ["127.0.0.1", "::1"], True, None),
        ("http://localhost/in", ["127.0.0.1", "10.0.0.1"], True, False),
    ],
)
def test_pushes_go_only_where_a_receiver_may_be(
    url: str, addresses: list[str], loopback: bool, allowed: bool | None
) -> None:
    delivery = Delivery(uuid4(), url, "{}", "", 1, b"", lambda a, b: b"")
    reached = list[str]()

    class Watched(HttpPusher):
        def _pool(self, *given: Any) -> Any:
            reached.append(given[1])
            raise Unavailable("receiver_unreachable")

    pusher = Watched(loopback=loopback, resolve=lambda host, port: addresses)
    with pytest.raises(Invalid if allowed is False else Unavailable):
        pusher.push(delivery)
    assert reached == ([] if allowed is False else [addresses[0]])


def test_an_address_that_is_not_pushed_to_is_kept_as_trouble_and_not_tried_again(
    send: Callable[[], ElectronicLeg], lantai: Lantai, registry: Registry
) -> None:
    registry.pushed_to("http://10.0.0.1/inbox")
    leg = send()
    assert (leg.trouble, leg.push_tries, leg.state.value) == ("push_target_refused", 0, "submitted")
