"""Chapter F, beside the paper: packages for an HR office; the first is accepted with a receipt."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from providers.sandbox.hr_checks import HrIdentity, decrypt, keys_in, unpack
from providers.sandbox.hr_office import HrOffice, offline_by
from tests.journey.checks_steps import HUMAN, STRANGER
from tests.journey.clients import until
from tests.journey.console import Clerk
from tests.journey.desk_steps import NEWS
from tests.journey.scene import Scene
from tests.journey.stack import PROJECT
from tests.journey.story import check, step
from tests.journey.transfer_steps import UNTIL_CHECKED, seal, take

SEALS = {"qing": "FENGTIAO20260051", "su": "FENGTIAO20260052"}
COUNTIES = 24  # as `lantai demo receivers` writes them: 410102 and so on
PACKED_LIMIT_S = 90.0
RECEIVERS = re.compile(r"/console/receivers/[0-9a-f-]{36}")


def region_of(scene: Scene) -> str:
    """A county of the scene's own, as far as there are any."""
    return f"4101{2 + scene.number % COUNTIES:02d}"


def folder_of(scene: Scene) -> Path:
    folder = scene.house.folder / f"hr-{scene.number}"
    folder.mkdir(exist_ok=True)
    return folder


def office_of(scene: Scene) -> HrOffice:
    """The HR office with what it has on its own disk; it knows the school by HTTP and by its published keys."""
    folder = folder_of(scene)
    who = HrIdentity(
        f"GG-{region_of(scene)}",
        pyrage.x25519.Identity.from_str((folder / "identity").read_text("ascii")),
        keys_in((folder / "archive.pem").read_bytes()),
    )
    judge = [str(PROJECT / "lantai"), "check", "--offline", "{folder}", "--public-key", str(folder / "archive.pem")]
    receipts = load_pem_private_key((folder / "receipts.key").read_bytes(), password=None)
    check(isinstance(receipts, Ed25519PrivateKey), "the office's receipt key is of another kind")
    assert isinstance(receipts, Ed25519PrivateKey)
    credential = scene.seen["hr credential"]
    return HrOffice(who, scene.stack.web, credential, folder / "inbox", offline_by(judge), receipt_key=receipts)


@step("elec.key", NEWS, "名录登记接收单位的加密公钥，接入系统绑定该单位",
      "the receiver's public key in the registry; a partner client bound to it", "move.registry")  # fmt: skip
def key(scene: Scene) -> Iterator[str]:
    folder, code = folder_of(scene), f"GG-{region_of(scene)}"
    identity, receipts = pyrage.x25519.Identity.generate(), Ed25519PrivateKey.generate()
    (folder / "identity").write_text(str(identity), "ascii")
    (folder / "receipts.key").write_bytes(receipts.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = folder / "receipts.pem"
    public.write_bytes(receipts.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    clerk = scene.clerk("archivist")
    clerk.open(f"/console/receivers?region={region_of(scene)}")
    found = {m[0] for link in clerk.window.links("/console/receivers/") if (m := RECEIVERS.match(link))}
    check(len(found) == 1, f"{len(found)} bodies in {region_of(scene)}")
    clerk.open(found.pop())
    check(code in clerk.window.text, f"the page is not that of {code}")
    clerk.window.submit("/versions", public_key=str(identity.to_public()), source="加密公钥登记函（示例）")
    check(str(identity.to_public()) in clerk.window.text, f"key recorded: {clerk.window.text[:300]}")
    words = ("--scope", "dossiers:receive", "--receiver", code, "--receipt-key", str(public))
    ran = scene.stack.cli("partner", "add", f"示例人才中心{scene.number}", *words)
    check(ran.code == 0, f"partner add: {ran.output.strip()[-300:]}")
    scene.seen["hr credential"] = scene.keep("partner credential", ran.output.strip().splitlines()[-1])
    (folder / "archive.pem").write_text(scene.stack.cli("keys", "public").output, "utf-8")
    yield f"{code}：公钥 {str(identity.to_public())[:12]}… 已登记；接入系统只能收该单位的档案包"


def sealed(scene: Scene, name: str) -> str:
    """Another plain graduate's dossier, sealed and addressed to the office; the path of its page."""
    person, clerk = scene.graduate(name).person, scene.clerk("dispatcher")
    graduate_id = clerk.find(person.student_number)
    agreed(scene, graduate_id)
    path = f"/console/graduates/{graduate_id}/transfers"
    clerk.open(f"{path}?case=private_employment&region={region_of(scene)}")
    clerk.window.submit("/transfers:post", receiver=f"GG-{region_of(scene)}")
    check("转递已建立" in clerk.window.text, f"opened: {clerk.window.text[:300]}")
    for role, target in UNTIL_CHECKED:
        take(scene.clerk(role), path, target)
    seal(scene, path, SEALS[name])
    return path


def agreed(scene: Scene, graduate_id: str) -> None:
    """What only people can check, confirmed for the dossier as it stands."""
    archivist = scene.clerk("archivist")
    archivist.open(f"/console/graduates/{graduate_id}/checks")
    for item in HUMAN:
        archivist.window.submit(f"/items/{item}", agreed="yes", note="已与纸质原件核对")


def packed(clerk: Clerk, path: str) -> None:
    """Ordered with the seal; made and submitted by the worker."""

    def submitted() -> bool:
        clerk.open(path)
        text = leg(clerk)
        check("受阻处理期限" not in text, f"the package is kept back: {text}")
        return "已提交，待接收单位取件" in text.partition("下一步")[0]

    until(submitted, "the package", PACKED_LIMIT_S)


def leg(clerk: Clerk) -> str:
    return " ".join(clerk.window.text.partition("两路合计")[2].split())[:400]


@contextmanager
def opened(scene: Scene, package: str) -> Iterator[Path]:
    """The folder of what the office received under this id, decrypted with its own key."""
    folder = folder_of(scene)
    with tempfile.TemporaryDirectory() as name:
        target = Path(name)
        decrypt(office_of(scene).who, folder / "inbox" / f"{package}.age", target / "package.zip")
        yield unpack(target / "package.zip", target / "bag")


def judged(scene: Scene, package: str) -> str:
    """What the office decrypted, before strangers' programs; gives the last words of the offline check."""
    with opened(scene, package) as bag:
        words = [sys.executable, "-m", "bagit", "--validate", str(bag)]
        check(subprocess.run(words, capture_output=True, check=False).returncode == 0, "bagit refuses the package")
        keys = str(folder_of(scene) / "archive.pem")
        ran = scene.stack.cli("check", "--offline", str(bag), "--public-key", keys, **STRANGER)
        check(ran.code == 0, f"offline: {ran.code} {ran.output[-400:]}")
        statement = (bag / "transfer.json").exists()
        check(statement, "the package does not say from whom to whom")
    return ran.output.strip().splitlines()[-1].strip()


@step("elec.accepted", NEWS, "电子档案：打包、加密、取件、检测、接收、电子回执；纸质仍以纸质为准",
      "packed, fetched, verified, accepted with an e-receipt", "elec.key")  # fmt: skip
def accepted(scene: Scene) -> Iterator[str]:
    clerk, path = scene.clerk("dispatcher"), sealed(scene, "qing")
    packed(clerk, path)
    office = office_of(scene)
    check(office.work() == 1, "the office did not get exactly one package")
    (got,) = office.got.values()
    check(got.state == "accepted", f"the office says {got.state}: {got.reason} {got.words}")
    clerk.open(path)
    check(f"已收到电子回执 电子回执 {scene.keep('receipt number', got.receipt)}" in leg(clerk), leg(clerk))
    check("纸质 已密封" in leg(clerk), f"the paper moved with the package: {leg(clerk)}")
    yield f"{got.size} 字节；接收单位：已接收；回执 {got.receipt}；bagit 通过；{judged(scene, got.id)}"
