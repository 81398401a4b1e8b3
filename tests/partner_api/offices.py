"""HR offices of the sandbox that take packages over real HTTP, and packages for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from werkzeug.serving import make_server

from app.actors import Role
from app.transfers.electronic_models import ElectronicLeg
from parts import Lantai
from providers.sandbox.hr_checks import HrIdentity
from providers.sandbox.hr_office import HrOffice
from tests.app.checks.conftest import MATERIALS
from tests.conftest import Person, StaffLogin
from tests.electronic import CODE, Registry, leg_of, sealed_transfer


@contextmanager
def served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture
def new_office(lantai: Lantai, site: str, registry: Registry, tmp_path: Path) -> Callable[..., HrOffice]:
    receipts = registry.keys.receipts
    raw = receipts.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    _, credential = lantai.partners.add("人才服务中心", ["dossiers:receive"], CODE, raw)
    trusted = lantai.packer._signer.public_keys()

    def make(offline: Callable[[Path], bool] = lambda _: True, **more: Any) -> HrOffice:
        who = HrIdentity(CODE, registry.keys.identity, trusted)
        return HrOffice(who, site, credential, tmp_path / "hr", offline, receipt_key=receipts, **more)

    return make


@pytest.fixture
def send(
    lantai: Lantai,
    graduate_factory: Callable[..., Person],
    staff_factory: Callable[..., StaffLogin],
    run_jobs: Callable[[], None],
) -> Callable[[], ElectronicLeg]:
    mover = staff_factory(Role.DISPATCHER).actor

    def make() -> ElectronicLeg:
        person = graduate_factory(materials=MATERIALS)
        leg = lantai.electronic.order(mover, person.id, sealed_transfer(lantai, person))
        run_jobs()
        return leg_of(lantai, leg.id)

    return make
