"""Chapter F, the package that was sent back: a material was missing, it is taken in under an opened seal, and sent.

The paper is sealed and still in the house, so nothing is corrected under the seal and nothing is sent after it: two
persons open it, the catalogue is frozen anew, and the new seal orders a new package (2-domain §3).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageChops

from providers.sandbox.hr_office import Answer, HrOffice
from tests.journey.carried_steps import paper
from tests.journey.clients import Graduate, Json
from tests.journey.desk_steps import NEWS
from tests.journey.electronic_steps import agreed, judged, leg, office_of, opened, packed, sealed
from tests.journey.materials_steps import scan
from tests.journey.scene import Scene
from tests.journey.story import check, step
from tests.journey.transfer_steps import seal, standing, take

MISSING, CLASS = "学位授予审批表", "4-1"
NOTE = f"缺少{MISSING}"
SECOND_SEAL = "FENGTIAO20260053"


def listed(bag: Path) -> Json | None:
    """The missing material as the frozen catalogue in the package lists it."""
    items = json.loads((bag / "transfer-manifest.json").read_text("utf-8"))["items"]
    found = [item for item in items if item["title"] == MISSING]
    check(len(found) <= 1, f"{MISSING} is listed {len(found)} times")
    return found[0] if found else None


def electronic(graduate: Graduate) -> Json:
    """The graduate's own page: the transfer, with the leg in it."""
    (transfer,) = graduate.app.get("/transfers")["items"]
    check(transfer["electronic"] is not None, "the graduate sees no electronic leg")
    return dict(transfer)


def joined(scene: Scene, name: str) -> Graduate:
    """Bound by a code from the counter."""
    who = scene.graduate(name)
    who.phone = scene.house.sandbox.phone("wechat", who.person)
    who.app.login("wechat", who.handset.do("login-code")["code"])
    check(who.app.claim(who.person).status == 202, "claim")
    code = scene.keep("activation code", scene.clerk("archivist").issue_code(who.person.student_number))
    done = who.app.prove(who.app.begin("activation_code", "bind"), code=code)
    check(done["state"] == "passed", f"activation code: {done['state']} {done['reason']}")
    return who


def worked(office: HrOffice) -> str:
    """The one package that came; its id."""
    before = set(office.got)
    check(office.work() == 1, "the office did not get exactly one package")
    (package,) = set(office.got) - before
    return package


def take_in(scene: Scene, path: str) -> str:
    """The scan of the missing material, handed in at the console; the page's words."""
    archivist, sheet = scene.clerk("archivist"), scene.house.folder / f"missing-{scene.number}.jpg"
    if not sheet.exists():
        sheet.write_bytes(scan("MISSING", 300))
    archivist.open(f"{path.removesuffix('/transfers')}/materials/new")
    archivist.window.upload("/materials/new", "files", sheet, class_code=CLASS, title=MISSING)
    return archivist.window.text


@step("elec.rejected", NEWS, "电子档案：接收单位以缺少材料退回，毕业生看到原因；密封后不能直接加材料",
      "sent back for a missing material; the graduate is told; nothing is added under the seal",
      "elec.key")  # fmt: skip
def rejected(scene: Scene) -> Iterator[str]:
    su, clerk, office = joined(scene, "su"), scene.clerk("dispatcher"), office_of(scene)
    path = su.ids["transfers"] = sealed(scene, "su")
    packed(clerk, path)
    office.script = lambda _: Answer(("material_missing",), NOTE)
    package = worked(office)
    with opened(scene, package) as bag:
        check(listed(bag) is None, f"{MISSING} was there all the time")
    clerk.open(path)
    text = leg(clerk)
    for words in ("接收单位已退回", "缺少应有材料", NOTE, "退回处理期限"):
        check(words in text, f"{words} is not told: {text}")
    told = electronic(su)
    check(told["electronic"]["state"] == "rejected", f"the graduate sees {told['electronic']['state']}")
    check(told["electronic"]["reasons"] == ["缺少应有材料"], f"reasons: {told['electronic']['reasons']}")
    due = told["electronic"]["due"]
    check(due and due["on"] and not due["overdue"], f"nothing is said of when it will be mended: {due}")
    refused = take_in(scene, path)
    check("已归档" not in refused and "档案已密封" in refused, f"under the seal: {refused[:300]}")
    yield f"退回：缺少应有材料（{NOTE}）；密封后直接加材料：不予归档"
    yield f"毕业生看到：{told['combined']}，{told['electronic']['next_words']}，{due['on']} 前"


@step("elec.opened", NEWS, "两人启封，收进所缺材料，目录重新冻结", "opened by two, the material taken in, frozen anew",
      "elec.rejected")  # fmt: skip
def reopened(scene: Scene) -> Iterator[str]:
    path, first, second = scene.graduate("su").ids["transfers"], scene.clerk("dispatcher"), scene.clerk("reviewer")
    first.open(path)
    first.window.submit("/propose/school_approved", reason=f"接收单位退回：{NOTE}")
    check("请另一名工作人员确认" in first.window.text, f"proposed: {first.window.text[:300]}")
    check(not first.window.has_form("/confirm"), "one person alone may open the seal")
    second.open(path)
    second.window.submit("/confirm")
    check("转递状态已更新" in second.window.text, f"opened: {second.window.text[:300]}")
    done = [standing(first, path)]
    told = take_in(scene, path)
    check("已归档 1 份" in told, f"taken in: {told[:300]}")
    agreed(scene, path.split("/")[3])
    done += [take(first, path, target) for target in ("assembled", "checked")]
    first.open(path)
    check(MISSING in paper(first, "/catalogue.pdf"), "the catalogue lacks what was taken in")
    yield f"启封 → {' → '.join(done)}；新目录含“{MISSING}”"


@step("elec.again", NEWS, "重新密封，新的电子档案包含所缺材料，接收单位接收并开电子回执",
      "sealed again: the new package holds the material and is accepted", "elec.opened")  # fmt: skip
def again(scene: Scene) -> Iterator[str]:
    su, clerk, office = scene.graduate("su"), scene.clerk("dispatcher"), office_of(scene)
    path = su.ids["transfers"]
    seal(scene, path, SECOND_SEAL)
    packed(clerk, path)
    check("第 2 次" in leg(clerk), f"no second attempt: {leg(clerk)}")
    package = worked(office)
    second = office.got[package]
    check(second.state == "accepted", f"the office says {second.state}: {second.reason} {second.words}")
    with opened(scene, package) as bag:
        where, size = _found(scene, bag)
    clerk.open(path)
    check(f"第 2 次：已收到电子回执 电子回执 {scene.keep('receipt number', second.receipt)}" in leg(clerk), leg(clerk))
    check("第 1 次：接收单位已退回" in clerk.window.text, "the first attempt is not told any more")
    told = electronic(su)
    shown = (told["electronic"]["state"], told["electronic"]["attempt"], told["electronic"]["receipt"])
    check(shown == ("e_receipt", 2, second.receipt), f"the graduate sees {shown}")
    check(told["received"] is False, "the paper counts as received")
    yield f"包内 {where}（{size} 字节）即“{MISSING}”；bagit 通过；{judged(scene, second.id)}"
    yield f"毕业生看到：第 2 次 {told['electronic']['label']}，{told['electronic']['next_words']}"


def _found(scene: Scene, bag: Path) -> tuple[str, int]:
    """(path, bytes) of the missing material in the package: listed by catalogue and bag, and the very sheet."""
    item = listed(bag)
    check(item is not None and item["sha256"], f"{MISSING} is not listed with a file: {item}")
    assert item is not None
    lines = [line.split("  ", 1) for line in (bag / "manifest-sha256.txt").read_text("utf-8").splitlines()]
    names = [name for digest, name in lines if digest == item["sha256"]]
    check(len(names) == 1, f"the bag lists {len(names)} files with the digest in the catalogue")
    data = (bag / names[0]).read_bytes()
    check(hashlib.sha256(data).hexdigest() == item["sha256"], "the file is not the one the catalogue lists")
    sent = Image.open(scene.house.folder / f"missing-{scene.number}.jpg").convert("L")
    arrived = Image.open(io.BytesIO(data)).convert("L")
    check(arrived.size == sent.size, f"another picture: {arrived.size}")
    strayed = sum(ImageChops.difference(sent, arrived).histogram()[33:])
    check(strayed == 0, f"another picture: {strayed} points differ")
    return names[0], len(data)
