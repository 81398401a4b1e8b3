"""Chapter I, the four-property check: run in the console, package and report taken out, judged by a stranger."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.journey.console import Clerk
from tests.journey.scene import Scene
from tests.journey.story import check, step

CHAPTER = "壬　档案全本 the dossier in full"
HUMAN = ("Z-1-51", "Z-1-61", "Z-3-51")
# whoever verifies has none of ours: a wrong setting would stop any command that reads settings
STRANGER = {"LANTAI_ENVIRONMENT": "nowhere", "LANTAI_KEY_DIR": "/nonexistent", "DATABASE_URL": "", "REDIS_URL": ""}


def _open(scene: Scene) -> Clerk:
    clerk = scene.clerk("archivist")
    if "checked" not in scene.seen:
        scene.seen["checked"] = clerk.find(scene.graduate("kai").person.student_number)
    clerk.open(f"/console/graduates/{scene.seen['checked']}/checks")
    return clerk


@step("check.run", CHAPTER, "四性检测：确认人工项，逐项检测", "four-property check of one dossier in the console")
def run(scene: Scene) -> Iterator[str]:
    clerk = _open(scene)
    for item in HUMAN:
        clerk.window.submit(f"/items/{item}", agreed="yes", note="已与纸质原件核对")
        check("已登记" in clerk.window.text, f"{item}: {clerk.window.text[:200]}")
    clerk.window.submit("/checks", stage="archiving")
    told = " ".join(clerk.window.text.partition("检测结论")[2].split())[:160]
    check(re.match(r"\W*通过", told), f"the verdict: {told}")
    for word in ("真实性", "完整性", "可用性", "安全性"):
        check(word in told, f"{word} is not told: {told}")
    yield told[:110]


def _taken(scene: Scene, clerk: Clerk, what: str) -> bytes:
    links = [link for link in clerk.window.links(f"/{what}") if "/checks/" in link]
    check(len(links) == 1, f"{len(links)} links to the {what}: {clerk.window.text[:200]}")
    status, _, data = clerk.window.fetch(links[0])
    check(status == 200, f"{what}: {status}")
    return data


def _judged(scene: Scene, folder: Path, package: Path) -> tuple[int, str]:
    keys = folder / "archive.pem"
    keys.write_text(scene.stack.cli("keys", "public").output, "utf-8")
    ran = scene.stack.cli("check", "--offline", str(package), "--public-key", str(keys), **STRANGER)
    return ran.code, ran.output


def _validated(folder: Path) -> int:
    words = [sys.executable, "-m", "bagit", "--validate", str(folder)]
    return subprocess.run(words, capture_output=True, check=False).returncode


def _unpacked(data: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return next(p for p in folder.iterdir() if p.is_dir())


@step("check.package", CHAPTER, "报告和档案包交给接收方：BagIt 与离线检测都通过",
      "report and package downloaded; bagit and lantai check --offline accept them", "check.run")  # fmt: skip
def package(scene: Scene) -> Iterator[str]:
    clerk = _open(scene)
    report = json.loads(_taken(scene, clerk, "report"))
    data = _taken(scene, clerk, "package")
    person = scene.graduate("kai").person
    for personal in (person.name, person.id_number, person.phone):
        check(personal not in json.dumps(report, ensure_ascii=False), "the report holds a personal value")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bag = _unpacked(data, folder)
        check(_validated(bag) == 0, "python -m bagit --validate refuses the package")
        (folder / "package.zip").write_bytes(data)
        code, output = _judged(scene, folder, folder / "package.zip")
        check(code == 0 and "签名由所给公钥的持有者签发" in output, f"offline: {code} {output[-400:]}")
        files = sum(p.is_file() for p in bag.rglob("*"))
    yield f"报告 {report['verdict']}，{len(report['checks'])} 项；包内 {files} 个文件，{len(data)} 字节；bagit 通过"
    yield from output.strip().splitlines()[-3:]


@step("check.flip", CHAPTER, "档案包里翻转一位即被发现", "one flipped bit in the package is found", "check.package")
def flip(scene: Scene) -> Iterator[str]:
    clerk = _open(scene)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bag = _unpacked(_taken(scene, clerk, "package"), folder)
        for path in ("data/records.json", "report.json"):
            whole = (bag / path).read_bytes()
            spoilt = bytearray(whole)
            spoilt[len(spoilt) // 2] ^= int(scene.seen.get("flip", "1"))
            (bag / path).write_bytes(spoilt)
            code, output = _judged(scene, folder, bag)
            check(code == 1 and "未通过" in output, f"{path}: a flipped bit was not found ({code})")
            check(_validated(bag) != 0, f"{path}: bagit accepts a flipped bit")
            (bag / path).write_bytes(whole)
            found = next(line.strip() for line in output.splitlines() if "✗" in line and "否决" in line)
            yield f"{path}：{found}"
