"""Chapter F goes on: the mail is lost, searched for, rebuilt, handed over a second time by scanning, and receipted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.journey.clients import Json, until
from tests.journey.console import Clerk
from tests.journey.desk_steps import NEWS
from tests.journey.scene import Scene
from tests.journey.story import check, step
from tests.journey.transfer_steps import UNTIL_CHECKED, seal, standing, take, tracking_of
from tests.pdf_reading import fonts_of, text_of

SECOND_SEAL = "FENGTIAO20260032"
FIRST_SERIAL = 47312000
CARRIERS_ANSWER, RECEIPT = "EMS-YS-20261129", "HZ-20261129-07"
POST_SEAL, POST_RECEIPT = "FENGTIAO20260041", "JYHZ-20261129-03"
CODE = re.compile(r"[A-Z2-7]{4}(?:-[A-Z2-7]{4}){4}")
ASKED_LIMIT_S = 100.0  # nobody asks a carrier by hand twice within a minute
BATCH_LIMIT_S = 60.0
RECEIVED_WORDS = ("已接收", "已签收", "接收单位保管")


def second_tracking(scene: Scene) -> str:
    """An S10 identifier; its check digit by UPU S10-12, section 8.4."""
    serial = str(FIRST_SERIAL + scene.number)
    rest = 11 - sum(w * int(d) for w, d in zip((8, 6, 4, 2, 3, 5, 9, 7), serial, strict=True)) % 11
    return f"EA{serial}{ {10: 0, 11: 5}.get(rest, rest) }CN".replace(" ", "")


def paper(clerk: Clerk, ending: str) -> str:
    """The words of the PDF linked on the page; every font must be inside it."""
    found = [address for address in clerk.window.links(ending) if address.endswith(ending)]
    check(found, f"{clerk.window.path}: no link to {ending}")
    status, kind, data = clerk.window.fetch(found[0])
    check((status, kind) == (200, "application/pdf"), f"{ending}: {status} {kind}")
    fonts = fonts_of(data)
    check(fonts and all(fonts.values()), f"{ending}: fonts that are not embedded: {fonts}")
    return text_of(data)


def told(scene: Scene, state: str) -> Json:
    """What the graduate reads while the transfer stands there; before the receipt never that it was received."""
    transfer: Json = scene.graduate("wei").app.get("/transfers")["items"][0]
    check(transfer["state"] == state, f"the graduate sees {transfer['state']}, not {state}")
    check(transfer["received"] is False, f"{state} counts as received")
    shown = (transfer["state_label"], transfer["combined"])
    check(not any(w in s for w in RECEIVED_WORDS for s in shown), f"{state} is shown as received: {shown}")
    check(bool(transfer["next_words"]), f"{state}: no next words")
    return transfer


def asked(clerk: Clerk, path: str, wanted: str) -> None:
    """The desk asks the carrier, unless the worker was faster, until the transfer stands where it must."""

    def there() -> bool:
        if standing(clerk, path) == wanted:
            return True
        clerk.window.submit("/tracking")
        return standing(clerk, path) == wanted

    until(there, f"the carrier's word: {wanted}", ASKED_LIMIT_S)


@step("carry.lost", NEWS, "承运方丢失邮件：疑似遗失，毕业生看到原因与下一步",
      "the carrier loses the mail: suspected, and the graduate is told", "move.out")  # fmt: skip
def lost(scene: Scene) -> Iterator[str]:
    path = scene.graduate("wei").ids["transfers"]
    for code in ("ACCEPT", "DEPART", "LOST"):
        scene.house.sandbox.call("POST", "/waybills/push", {"number": tracking_of(scene), "code": code})
    asked(scene.clerk("dispatcher"), path, "疑似遗失")
    transfer = told(scene, "lost_suspected")
    lines = [line["label"] for line in transfer["tracking"][0]["lines"]]
    check(lines == ["已收寄", "运送中", "丢失"], f"the trace reads {lines}")
    check(bool(transfer["due"] and transfer["due"]["words"]), f"nothing is said of the delay: {transfer['due']}")
    yield f"轨迹 {' → '.join(lines)}；{transfer['state_label']}，下一步：{transfer['next_words']}"
    yield str(transfer["due"]["words"])


@step("carry.trace", NEWS, "查询函发出，承运方确认遗失", "letter to the carrier, tracing, loss confirmed",
      "carry.lost")  # fmt: skip
def trace(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("dispatcher")
    path, number = wei.ids["transfers"], told(scene, "lost_suspected")["number"]
    clerk.open(path)
    letter = paper(clerk, "/letter/trace.pdf")
    check("关于查询档案邮件下落的函" in letter, f"the letter reads {letter[:80]}")
    check(tracking_of(scene) in letter and f"{number}-CX1" in letter, "numbers are missing in the letter")
    check(wei.person.name not in letter, "the letter to the carrier names the graduate")
    done = [take(clerk, path, "tracing", letter_number=f"{number}-CX1")]
    transfer = told(scene, "tracing")
    done.append(take(scene.clerk("archivist"), path, "lost_confirmed", letter_number=CARRIERS_ANSWER))
    told(scene, "lost_confirmed")
    yield f"查询函 {number}-CX1，字体全部嵌入；{' → '.join(done)}；查询中时：{transfer['next_words']}"


@step("carry.rebuild", NEWS, "补建，重新整理，再由两人密封", "rebuilt, frozen anew, sealed again by two persons",
      "carry.trace")  # fmt: skip
def rebuild(scene: Scene) -> Iterator[str]:
    path, clerk = scene.graduate("wei").ids["transfers"], scene.clerk("archivist")
    done = [take(clerk, path, "rebuilding")]
    mover = scene.clerk("dispatcher")
    mover.open(path)
    letter = paper(mover, "/letter/rebuild.pdf")
    check("关于毕业生档案遗失补建的说明" in letter, f"the statement reads {letter[:80]}")
    check(not mover.window.links("/slip.pdf"), "a slip is offered for what is not complete")
    transfer = told(scene, "rebuilding")
    done.append(take(clerk, path, "school_approved", reason="依电子档案和学院底册补建完成"))
    done += [take(mover, path, target) for target in ("assembled", "checked")]
    seal(scene, path, SECOND_SEAL)
    done.append(standing(mover, path))
    check(done[-1] == "已密封", f"stands at {done[-1]}")
    yield f"{' → '.join(done)}；补建中时：{transfer['next_words']}"


@step("carry.scan", NEWS, "批量交寄：扫通知单，扫运单，一次交寄", "a batch by scanning: slip, waybill, hand over",
      "carry.rebuild")  # fmt: skip
def scan(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("dispatcher")
    number, tracking = told(scene, "sealed")["number"], scene.keep("tracking number", second_tracking(scene))
    scene.house.sandbox.call("POST", "/waybills", {"number": tracking, "script": "normal"})
    clerk.open(wei.ids["transfers"])
    slip, label = paper(clerk, "/slip.pdf"), paper(clerk, "/label.pdf")
    check(number in slip and SECOND_SEAL in slip and wei.person.name in slip, "the slip lacks number, seal or name")
    check(number in label and wei.person.name not in label, "the label lacks its number, or names the graduate")
    clerk.open("/console/dispatch")
    clerk.window.submit("/dispatch", channel="ems")
    batch = clerk.window.path
    clerk.window.submit("/scan", code=number)
    check(f"档案 {number}" in clerk.window.text, f"slip scanned: {clerk.window.text[:200]}")
    clerk.window.submit("/scan", code=tracking)
    check("清单共 1 份" in clerk.window.text, f"waybill scanned: {clerk.window.text[:200]}")
    clerk.window.submit("/hand-over")

    def over() -> bool:
        clerk.open(batch)
        return "已完成" in clerk.window.text and "1 / 1" in clerk.window.text

    until(over, "the batch", BATCH_LIMIT_S)
    listed = paper(clerk, "/list.pdf")
    check(number in listed and tracking in listed, "the hand-over list lacks the mail")
    check(wei.person.name not in listed, "the hand-over list names the graduate in full")
    check(standing(clerk, wei.ids["transfers"]) == "已交寄", "the batch is done and the transfer is not handed over")
    yield f"批次完成 1 / 1；{number} 以 {tracking} 第二次交寄；通知单、标签、交接清单字体全部嵌入"


@step("carry.arrives", NEWS, "承运方送达：毕业生看到轨迹，不显示已接收", "delivered: seen, and never as received",
      "carry.scan")  # fmt: skip
def arrives(scene: Scene) -> Iterator[str]:
    for _ in range(4):
        scene.house.sandbox.call("POST", "/waybills/step", {"number": second_tracking(scene)})
    asked(scene.clerk("dispatcher"), scene.graduate("wei").ids["transfers"], "已送达，待签收回执")
    transfer = told(scene, "delivered_unconfirmed")
    check(len(transfer["tracking"]) == 2, "the two hand-overs are not both shown")
    lines = [line["label"] for line in transfer["tracking"][0]["lines"]]
    check(lines[-1] == "已投递" and len(lines) == 5, f"the trace reads {lines}")
    check("单位收发章" not in str(transfer["tracking"]), "the graduate is told who signed")
    yield f"轨迹 {' → '.join(lines)}；{transfer['state_label']}；{transfer['next_words']}"


def code_on_slip(clerk: Clerk, path: str) -> str:
    """What the receiver reads off the slip; the catalogue that lies beside it must bear the same."""
    clerk.open(path)
    codes = set(CODE.findall(paper(clerk, "/slip.pdf")))
    check(len(codes) == 1, f"{len(codes)} codes on the slip")
    code = str(codes.pop())
    check(code in paper(clerk, "/catalogue.pdf"), "the catalogue bears another code")
    return code


@step("carry.closed", NEWS, "回执带目录核对码登记，办结", "receipt with the catalogue's code, closed",
      "carry.arrives")  # fmt: skip
def closed(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("dispatcher")
    path = wei.ids["transfers"]
    code = code_on_slip(clerk, path)
    wrong = code[:-1] + ("B" if code[-1] == "A" else "A")
    clerk.window.submit("/move/received", receipt_number=RECEIPT, manifest_code=wrong)
    check("转递状态已更新" not in clerk.window.text, "a receipt of another catalogue was taken")
    told(scene, "delivered_unconfirmed")
    take(clerk, path, "received", receipt_number=scene.keep("receipt number", RECEIPT), manifest_code=code)
    transfer = wei.app.get("/transfers")["items"][0]
    check(transfer["received"] is True, f"receipted and shown as {transfer['state_label']}")
    clerk.window.submit("/move/closed")
    check("转递状态已更新" in clerk.window.text, f"closed: {clerk.window.text[:300]}")
    transfer = wei.app.get("/transfers")["items"][0]
    check((transfer["state"], transfer["received"]) == ("closed", True), f"stands at {transfer['state']}")
    yield f"错一位的核对码不收；{code} → 接收单位已签收 → {transfer['state_label']}：{transfer['next_words']}"


@step("post.open", NEWS, "曾任公务员：规则只留机要与专人，EMS 被拒，自动选机要",
      "a former official: EMS is refused, the rules choose 机要", "move.registry", "op.import")  # fmt: skip
def narrowed(scene: Scene) -> Iterator[str]:
    hui, clerk = scene.graduate("hui"), scene.clerk("dispatcher")
    path = f"/console/graduates/{clerk.find(hui.person.student_number)}/transfers"
    hui.ids["transfers"] = path
    clerk.open(f"{path}?case=unemployed&region=410102")
    clerk.window.submit("/transfers:post", history="former_official", channel="ems")
    check("转递已建立" not in clerk.window.text, "EMS was taken for a former official")
    clerk.open(f"{path}?case=unemployed&region=410102")
    clerk.window.submit("/transfers:post", history="former_official", channel="")
    check("转递已建立" in clerk.window.text, f"opened: {clerk.window.text[:200]}")
    check("机要通信" in clerk.window.text.partition("转递号")[2], "the channel is not 机要")
    yield "选 EMS：不予建立；按规则选择：机要通信"


@step("post.closed", NEWS, "机要交寄，无公开轨迹，机要回执，办结", "by 机要, no public trace, receipted and closed",
      "post.open")  # fmt: skip
def by_post(scene: Scene) -> Iterator[str]:
    path, clerk = scene.graduate("hui").ids["transfers"], scene.clerk("dispatcher")
    done = [take(scene.clerk(role), path, target) for role, target in UNTIL_CHECKED]
    seal(scene, path, POST_SEAL)
    clerk.open(path)
    label = paper(clerk, "/label.pdf")
    check("机要" in label and scene.graduate("hui").person.name not in label, "the label is not for 机要")
    number = scene.keep("tracking number", f"JY-{FIRST_SERIAL + scene.number}")
    done.append(take(clerk, path, "handed_to_carrier", tracking_number=number))
    check(not clerk.window.has_form("/tracking"), "机要 has no public trace, and one is offered")
    done.append(take(clerk, path, "delivered_unconfirmed"))
    code = code_on_slip(clerk, path)
    number = scene.keep("receipt number", POST_RECEIPT)
    done.append(take(clerk, path, "received", receipt_number=number, manifest_code=code))
    clerk.window.submit("/move/closed")
    check("转递状态已更新" in clerk.window.text, f"closed: {clerk.window.text[:300]}")
    clerk.open(path)
    check("已办结" in clerk.window.text, f"stands at: {clerk.window.text[:300]}")
    yield f"{' → '.join(done)} → 已办结"
