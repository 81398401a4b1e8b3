"""Chapter of the full dossier: scans by staff, a graduate's supplement, and a bit that flipped on the disk."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator

from PIL import Image, ImageDraw

from tests.journey.clients import Graduate, until
from tests.journey.mischief import one_value, spoil_file
from tests.journey.scene import Scene
from tests.journey.story import check, step

CHAPTER = "壬　档案全本 the dossier in full"
TITLE = "校级优秀毕业生证书"
SUPPLEMENT = "省级学科竞赛获奖证书"


def scan(mark: str, dpi: int) -> bytes:
    """A page of paper as a scanner gives it; ``mark`` makes it this telling's own."""
    page = Image.new("RGB", (dpi * 4, dpi * 5), "white")
    ImageDraw.Draw(page).text((dpi, dpi), f"{mark} {uuid.uuid4()}", fill="black")
    out = io.BytesIO()
    page.save(out, "JPEG", dpi=(dpi, dpi))
    return out.getvalue()


@step(
    "full.scan",
    CHAPTER,
    "上传扫描件：分辨率建议与预览，毕业生看到新材料",
    "scan uploaded with DPI advice and preview; the graduate sees it",
    "ali.bind",
    "staff.first",
)
def upload(scene: Scene) -> Iterator[str]:
    lin, clerk = scene.graduate("lin"), scene.clerk("archivist")
    known = {i["id"] for i in lin.app.get("/dossier")["items"]}
    graduate = clerk.find(lin.person.student_number)
    clerk.open(f"/console/graduates/{graduate}/materials/new")
    sheet = scene.house.folder / f"scan-{scene.number}.jpg"
    sheet.write_bytes(scan("SCAN", 150))
    clerk.window.upload("/materials/new", "files", sheet, class_code="7", title=TITLE)
    text = clerk.window.text
    check("已归档 1 份" in text, f"upload: {text[:300]}")
    check("150 dpi，低于 DA/T 31-2017 要求的 200 dpi" in text, f"no advice on the resolution: {text[:400]}")
    (link,) = {x for x in clerk.window.links("/console/materials/") if x.count("/") == 3}
    status, kind, data = clerk.window.fetch(f"{link}/versions/1/preview")
    check((status, kind) == (200, "image/jpeg") and data.startswith(b"\xff\xd8"), f"preview: {status} {kind}")
    new = [i for i in lin.app.get("/dossier")["items"] if i["id"] not in known]
    check([i["title"] for i in new] == [TITLE] and new[0]["has_file"], f"the graduate sees {new}")
    lin.ids["scan"] = new[0]["id"]
    yield f"150 dpi → “建议重新扫描”；预览 {len(data)} 字节；毕业生目录新增“{TITLE}”"


@step(
    "full.supplement",
    CHAPTER,
    "毕业生补充材料，审核归档",
    "a supplement sent in, looked at, accepted; notice",
    "full.scan",
)
def supplement(scene: Scene) -> Iterator[str]:
    lin, clerk = scene.graduate("lin"), scene.clerk("reviewer")
    show_code(scene, lin, "correct")
    sent = send_in(lin)
    clerk.open("/console/supplements")
    check(sent["number"] in clerk.window.text, "the supplement is not in the queue")
    clerk.open(f"/console/supplements/{sent['id']}")
    check(SUPPLEMENT in clerk.window.text and "300 dpi" in clerk.window.text, f"page: {clerk.window.text[:300]}")
    clerk.window.submit("/accept", title=SUPPLEMENT)
    check("补充材料已归档" in clerk.window.text, f"accept: {clerk.window.text[:200]}")
    seen = lin.app.get(f"/supplements/{sent['id']}")
    titles = {i["id"]: i["title"] for i in lin.app.get("/dossier")["items"]}
    check(seen["state"] == "accepted" and titles.get(seen["material_id"]) == SUPPLEMENT, f"afterwards: {seen}")

    def told() -> bool:
        return any(n["title"] == "补充材料：已归档" for n in lin.app.get("/notices")["items"])

    until(told, "the notice of the decision")
    yield f"{sent['number']} {SUPPLEMENT}：审核通过，进入目录，收件箱有通知"


def show_code(scene: Scene, graduate: Graduate, purpose: str) -> None:
    """A fresh second factor: a code from the counter, for a phone's proof is good once."""
    code = scene.clerk("archivist").issue_code(graduate.person.student_number)
    begun = graduate.app.begin("activation_code", purpose)
    done = graduate.app.prove(begun, code=scene.keep("activation code", code))
    check(done["state"] == "passed", f"code: {done['state']} {done['reason']}")


def send_in(graduate: Graduate) -> dict[str, str]:
    said = {"class_code": "7", "title": SUPPLEMENT, "formed_on": "2025-05", "statement": "归档时遗漏"}
    body = graduate.app.ask(
        "POST", "/supplements", 201, data=said, files={"file": ("证书.jpg", scan("SUPPLEMENT", 300), "image/jpeg")}
    )
    return dict(body)


@step(
    "full.fixity",
    CHAPTER,
    "磁盘上翻转一个比特：完整性检查发现",
    "one bit turns over on the disk; lantai fixity finds it",
    "full.scan",
)
def fixity(scene: Scene) -> Iterator[str]:
    lin, clerk = scene.graduate("lin"), scene.clerk("archivist")
    before = scene.stack.cli("fixity", "run", "--all")
    check(before.code == 0 and "全部完好" in before.output, f"before: {before.code} {before.output[-300:]}")
    # the disk's deed, not a user's
    name = one_value(scene, "select file_name from material_version where material_id = %s", lin.ids["scan"])
    spoil_file(scene, name)
    try:
        found = scene.stack.cli("fixity", "run", "--all")
        check(found.code == 1 and "未修复的损坏 1 处" in found.output, f"after: {found.code} {found.output[-300:]}")
        clerk.open("/console/fixity?open=1")
        check(
            "材料 · 文件" in clerk.window.text and "未修复" in clerk.window.text, f"console: {clerk.window.text[:400]}"
        )
    finally:
        spoil_file(scene, name)  # the same bit back, as a restore from the backup would
    mended = scene.stack.cli("fixity", "run", "--all")
    check(mended.code == 0, f"afterwards: {mended.code} {mended.output[-300:]}")
    yield before.output.strip().splitlines()[0]
    yield "翻转一位 → 退出码 1，工作台列出“材料 · 文件”；恢复后自动结案"
