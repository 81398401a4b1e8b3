"""The HR office of the demo: a body of the registry with its own key and credential, and a dossier that goes there."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.dossiers.rules import Section
from app.errors import Conflict
from app.receivers.rules import DestinationCase
from app.receivers.views import Wanted
from app.transfers.destination import Destination
from app.transfers.rules import Evidence
from app.transfers.states import State
from commands.demo_scans import sample_scan
from parts import Lantai
from providers.sandbox.hr_desk import identity_at
from providers.sandbox.hr_files import HR_CODE, HrFiles
from providers.signing import FileSigner, public_pem

NAME, SEAL_NUMBER = "示例人力资源公共服务中心（沙箱）", "FENGTIAO20260001"
WAY = (
    State.DESTINATION_REGISTERED,
    State.COLLEGE_REVIEWED,
    State.SCHOOL_APPROVED,
    State.ASSEMBLED,
    State.CHECKED,
)


def prepare_office(parts: Lantai, files: HrFiles) -> None:
    """Its files, its key in the registry and its credential; what is there already stays."""
    files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    identity: Any = identity_at(files.identity)
    _record_key(parts, str(identity.to_public()))
    signer = FileSigner(parts.settings.key_dir)
    files.keys.write_text("".join(public_pem(raw) for raw in signer.public_keys().values()), "utf-8")
    if not files.credential.is_file():
        _keep(files.credential, _credential(parts))


def seal_for_office(parts: Lantai, dispatcher: UUID, archivist: UUID, graduates: list[UUID]) -> None:
    """The first of these that has its 转递编号, sealed by two persons: sealing orders the package."""
    graduate_id = next((g for g in graduates if _destination_code(parts, g)), None)
    if graduate_id is None:
        return
    first = Actor(ActorKind.STAFF, dispatcher, frozenset({Role.DISPATCHER, Role.ARCHIVIST}))
    second = Actor(ActorKind.STAFF, archivist, frozenset({Role.ARCHIVIST}))
    transfer_id = parts.destinations.open(first, graduate_id, Destination(DestinationCase.UNEMPLOYED, HR_CODE))
    (view,) = parts.transfers.of_graduate(first, graduate_id)
    for state in WAY:
        view = parts.transfers.move(first, transfer_id, view.version, state)
    photo = sample_scan("SEAL (SAMPLE)")
    parts.double_acts.propose(
        first, transfer_id, view.version, State.SEALED, {Evidence.SEAL_NUMBER: SEAL_NUMBER}, photo
    )
    act = parts.double_acts.waiting(second, graduate_id, transfer_id)
    assert act is not None  # proposed just now
    parts.double_acts.confirm(second, transfer_id, act.id)


def _destination_code(parts: Lantai, graduate_id: UUID) -> str:
    return parts.holdings.of(graduate_id).first(Section.ENROLMENT).get("destination_code", "").strip()


def _record_key(parts: Lantai, public_key: str) -> None:
    found = parts.receivers.search(SYSTEM, Wanted(text=HR_CODE), limit=1).lines
    if not found:
        return  # a database that was not loaded by the demo
    latest = parts.receivers.view(SYSTEM, found[0].id).latest
    facts = replace(latest.facts, public_key=public_key, source="加密公钥登记函（示例）")
    if latest.facts.public_key != public_key:
        parts.receivers.record(SYSTEM, HR_CODE, facts, latest.number)


def _credential(parts: Lantai) -> str:
    try:
        return parts.partners.add(NAME, ["dossiers:receive"], HR_CODE)[1]
    except Conflict:  # known from a demo whose files are gone
        return parts.partners.rotate(NAME, timedelta(0))


def _keep(path: Path, secret: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secret + "\n")
