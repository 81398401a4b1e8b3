"""Chapter F, second half: a dossier is sent on its way, by the rule book."""

from __future__ import annotations

from collections.abc import Iterator

from tests.journey.cast import FILE_MARK, marked_jpeg
from tests.journey.clients import until
from tests.journey.console import Clerk
from tests.journey.desk_steps import NEWS, received
from tests.journey.scene import Scene
from tests.journey.story import check, step
from tests.journey.wechat_steps import show_fingerprint

SEAL = "FENGTIAO20260031"
FIRST_TRACKING = 1099887766554
UNTIL_CHECKED = (
    ("dispatcher", "destination_registered"),
    ("reviewer", "college_reviewed"),
    ("archivist", "school_approved"),
    ("dispatcher", "assembled"),
    ("dispatcher", "checked"),
)


@step("move.registry", NEWS, "导入接收单位名录：先试后导，再导无变化",
      "the registry of receivers from a list: tried, taken in, and once more without a change", "op.staff")  # fmt: skip
def registry(scene: Scene) -> Iterator[str]:
    path = scene.house.folder / f"receivers-{scene.number}.csv"
    check(scene.stack.cli("demo", "receivers", str(path)).code == 0, "no list was written")
    rows = len(path.read_text("utf-8-sig").splitlines()) - 1
    tried = scene.stack.cli("receivers", "import", str(path), "--dry-run")
    check(tried.code == 0, f"dry run: {tried.output[-300:]}")
    taken = scene.stack.cli("receivers", "import", str(path))
    check(taken.code == 0, f"import: {taken.output[-300:]}")
    again = scene.stack.cli("receivers", "import", str(path))
    check(again.code == 0 and f"{rows} 行" in again.output, f"again: {again.output[-300:]}")
    clerk = scene.clerk("dispatcher")
    clerk.open("/console/receivers")
    check("示例" in clerk.window.text, "the registry is empty at the console")
    yield f"{rows} 个单位；{again.output.strip().splitlines()[-1]}"


@step("move.choose", NEWS, "八月三十一日后本人不能再改去向；柜台按规定列出接收单位并登记",
      "after 31 August the graduate is told to ask; the desk chooses a body by its rule",
      "move.registry", "wx.face")  # fmt: skip
def choose(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("dispatcher")
    show_fingerprint(scene, wei, "destination")
    offered = wei.app.get("/destinations/suggestions?case=unemployed&region=410102")["items"]
    check(bool(offered), "no body is suggested")
    body = {"case": "unemployed", "receiver": offered[0]["code"]}
    late = wei.app.call("POST", "/transfers", json=body)
    check((late.status, late.code) == (409, "destination_closed"), f"late registration: {late.status} {late.code}")
    path = f"/console/graduates/{clerk.find(wei.person.student_number)}/transfers"
    clerk.open(f"{path}?case=unemployed&region=410102")
    check(offered[0]["name"] in clerk.window.text, "the desk is not offered the same body")
    clerk.window.submit("/transfers:post", channel="ems")
    check("转递已建立" in clerk.window.text, f"opened: {clerk.window.text[:200]}")
    transfer = wei.app.get("/transfers")["items"][0]
    check(transfer["receiver_name"] == offered[0]["name"], f"receiver: {transfer['receiver_name']}")
    wei.ids["transfers"] = path
    yield f"{offered[0]['name']}：{offered[0]['words']}"


@step("move.out", NEWS, "审核批准，冻结目录，两人密封，交寄",
      "reviewed, approved, frozen, sealed by two persons and handed over", "move.choose")  # fmt: skip
def move(scene: Scene) -> Iterator[str]:
    wei, clerk = scene.graduate("wei"), scene.clerk("dispatcher")
    path = wei.ids["transfers"]
    done = []
    for role, target in UNTIL_CHECKED:
        done.append(take(scene.clerk(role), path, target))
    seal(scene, path)
    done.append(standing(clerk, path))
    tracking = scene.keep("tracking number", tracking_of(scene))
    # nothing of it moves by itself: what the carrier tells is a later step's
    scene.house.sandbox.call("POST", "/waybills", {"number": tracking, "script": "manual"})
    clerk.open(path)
    clerk.window.submit("/move/handed_to_carrier", tracking_number=tracking)
    check("转递状态已更新" in clerk.window.text, f"handed over: {clerk.window.text[:300]}")
    done.append(standing(clerk, path))
    check(done[-1] == "已交寄", f"stands at {done[-1]}")
    yield " → ".join(done)


def tracking_of(scene: Scene) -> str:
    """The first hand-over's: thirteen digits, each number once in the whole house."""
    return str(FIRST_TRACKING + scene.number)


def take(clerk: Clerk, path: str, target: str, **shown: str) -> str:
    """One step at the console by one person; gives where the transfer stands then."""
    clerk.open(path)
    clerk.window.submit(f"/move/{target}", **shown)
    check("转递状态已更新" in clerk.window.text, f"{target}: {clerk.window.text[:300]}")
    return standing(clerk, path)


def standing(clerk: Clerk, path: str) -> str:
    clerk.open(path)
    return clerk.window.text.partition("当前状态")[2].split()[0]


def seal(scene: Scene, path: str, number: str = SEAL) -> None:
    """The dispatcher proposes with number and photo; alone that is nothing; the reviewer confirms."""
    first, second = scene.clerk("dispatcher"), scene.clerk("reviewer")
    photo = scene.house.folder / f"seal-{scene.number}.jpg"
    photo.write_bytes(marked_jpeg("SEAL", FILE_MARK))
    first.open(path)
    first.window.upload("/propose/sealed", "photo", photo, seal_number=scene.keep("seal number", number))
    check("请另一名工作人员确认" in first.window.text, f"proposed: {first.window.text[:300]}")
    check(not first.window.has_form("/confirm"), "the proposer may confirm their own seal")
    second.open(path)
    check(number in second.window.text, "the seal number is not shown to the second person")
    second.window.submit("/confirm")
    check("转递状态已更新" in second.window.text, f"confirmed: {second.window.text[:300]}")


@step("move.seen", NEWS, "毕业生看到每一步并收到推送", "timeline seen by the graduate; the step was pushed",
      "move.out", "wx.subscribe")  # fmt: skip
def seen(scene: Scene) -> Iterator[str]:
    wei = scene.graduate("wei")
    until(lambda: bool(received(wei, "档案转递")), "a transfer message on the phone")
    transfer = wei.app.get("/transfers")["items"][0]
    check(transfer["state"] == "handed_to_carrier", f"the graduate sees {transfer['state']}")
    proofs = {p["kind"]: p["text"] for s in transfer["steps"] for p in s["proofs"]}
    check(proofs["tracking_number"] == tracking_of(scene), f"tracking number: {proofs}")
    check(transfer["received"] is False, "handed over counts as received")
    check("接收" not in transfer["state_label"], "sent is shown as received")
    got = received(wei, "档案转递")[0]
    yield f"{transfer['state_label']}，运单号 {tracking_of(scene)}；下一步：{transfer['next_words']}"
    yield f"微信：{got['title']} {got['fields']}"
