"""Chapter 壬: a cohort comes through the console with faulty rows, and through the partner door by HTTP."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.journey.cast import GRADE_MARK, Person, write_class
from tests.journey.clients import Json, Reply, until
from tests.journey.console import Clerk
from tests.journey.scene import Scene
from tests.journey.story import check, step

WHOLE = "壬　档案全本 the dossier in full"
HEADERS = {"姓名": "学生姓名", "身份证号": "证件号码", "学历层次": "培养类型"}
SIZE = 5
API = "/partner/api/v1"
WORK_LIMIT_S = 60.0


def fresh_class(scene: Scene, serial: int) -> tuple[Path, list[Person]]:
    """A class of the scene's own. The last row of its table is faulty."""
    folder = scene.house.folder / f"class-{serial}"
    people = write_class(folder, serial=serial, size=SIZE, faced=0, portrait=scene.house.portraits.registrar)
    for person in people:
        for kind, text in (("name", person.name), ("id number", person.id_number), ("phone", person.phone)):
            scene.keep(kind, text)
        scene.keep("student number", person.student_number)
    return folder, people


def table_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))


def write_table(path: Path, rows: list[dict[str, str]]) -> Path:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(out.getvalue(), "utf-8-sig")
    return path


def settled(clerk: Clerk, path: str, words: str) -> str:
    """The batch's page once its work is over. Raises StepFailed."""

    def over() -> bool:
        clerk.open(path)
        return words in clerk.window.text

    until(over, f"{path}: {words}", WORK_LIMIT_S)
    return clerk.window.text


def import_with_columns(clerk: Clerk, path: str, **columns: str) -> str:
    """Columns, dry run, import: what the page says at the end."""
    clerk.window.submit("/mapping", **columns)
    settled(clerk, path, "已预检，待导入")
    clerk.window.submit("/start")
    return settled(clerk, path, "已完成")


@step(
    "doors.import",
    WHOLE,
    "上传、核对列、预检、导入：有误的行有理由",
    "console: upload, columns, dry run, import",
    "op.staff",
)
def import_faulty(scene: Scene) -> Iterator[str]:
    clerk = scene.clerk("archivist")
    folder, people = fresh_class(scene, 5000 + scene.number)
    rows = table_of(folder / "graduates.csv")
    rows[1] = rows[1] | {"学历层次": f"学士{GRADE_MARK}"}
    file = write_table(folder / "upload.csv", [{HEADERS.get(k, k): v for k, v in row.items()} for row in rows])
    clerk.open("/console/import/new")
    clerk.window.upload("/import/new", "cohort", file)
    path = clerk.window.path
    check("培养类型" in clerk.window.text, f"no columns are shown: {clerk.window.text[:200]}")
    check("还没有对应列的必填字段：学历层次" in clerk.window.text, "the unknown column was not asked for")
    check(all(p.name not in clerk.window.text for p in people), "a sample shows a name")
    position = list(rows[0]).index("学历层次")
    text = import_with_columns(clerk, path, **{f"column-{position}": "学历层次"})
    scene.seen["batch"] = path
    scene.seen["mended"] = people[1].student_number
    wrong = len(rows) - SIZE + 1
    for words in ("身份证号校验码不正确", "应为专科、本科、硕士、博士之一", "C7", "3"):
        check(words in text, f"the rows do not say {words}: {text[-400:]}")
    check(rows[-1]["身份证号"] not in text, "an ID number stands on the page")
    yield f"{len(rows)} 行：导入 {len(rows) - wrong} 行，未通过 {wrong} 行，逐行列出单元格与理由"


@step(
    "doors.mend",
    WHOLE,
    "下载错误文件，修改后再次上传",
    "error file mended and sent again: all rows filed",
    "doors.import",
)
def mend(scene: Scene) -> Iterator[str]:
    clerk, path = scene.clerk("archivist"), scene.seen["batch"]
    clerk.open(path)
    status, kind, data = clerk.window.fetch(f"{path}/errors.csv")
    check(status == 200 and kind.startswith("text/csv"), f"error file: {status} {kind}")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    check(len(rows) == 2, f"the error file has {len(rows)} rows")
    told = " ".join(" ".join(v for v in row.values() if v) for row in rows)
    check("校验码不正确" in told, "the error file does not say what is wrong")
    for row in rows:
        row["培养类型"] = "本科"
        row["证件号码"] = right_number(row["证件号码"])
        scene.keep("id number", row["证件号码"])
    file = write_table(scene.house.folder / f"mended-{scene.number}.csv", rows)
    clerk.window.upload("/mend", "cohort", file)
    child = clerk.window.path
    check(child != path, f"no new batch: {clerk.window.text[:200]}")
    # what was said of the columns of the first file goes for the mended one too
    text = import_with_columns(clerk, child)
    check(f"已归档 {len(rows)} 行 ▲ 未通过 0 行" in " ".join(text.split()), f"rows are refused still: {text[-300:]}")
    clerk.find(scene.seen["mended"])
    yield f"{len(rows)} 行修改后全部归档；按学号能找到其中一人"


def right_number(number: str) -> str:
    """The same ID number with the check digit of GB 11643-1999."""
    check(len(number) == 18, "the error file does not hold what stood in the row")
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], weights, strict=True))
    return number[:17] + "10X98765432"[total % 11]


def call(scene: Scene, credential: str, method: str, path: str, key: str = "", **more: object) -> Reply:
    headers = {"Authorization": f"Bearer {credential}", "X-Forwarded-For": "10.9.9.9"}
    if key:
        headers["Idempotency-Key"] = key
    return scene.house.wire.call(method, f"{scene.stack.web}{API}{path}", headers=headers, **more)


def new_client(scene: Scene, name: str, *words: str) -> str:
    ran = scene.stack.cli("partner", "add", name, *words)
    check(ran.code == 0, f"partner add: {ran.output.strip()[-200:]}")
    return scene.keep("partner credential", ran.output.strip().splitlines()[-1])


@step(
    "doors.push",
    WHOLE,
    "教务系统推送一批和一人，重发不重复",
    "partner door: a batch and a record, each replayed",
    "op.start",
)
def push(scene: Scene) -> Iterator[str]:
    ours, others = new_client(scene, f"教务系统{scene.number}"), new_client(scene, f"别的系统{scene.number}")
    folder, people = fresh_class(scene, 6000 + scene.number)
    rows = table_of(folder / "graduates.csv")
    last, data = rows[SIZE - 1], write_table(folder / "push.csv", rows[: SIZE - 1]).read_bytes()
    key = f"cohort-{uuid.uuid4().hex}"
    replies = [
        call(scene, ours, "POST", "/batches?start=import", key, files={"file": ("push.csv", data)}) for _ in range(2)
    ]
    check([r.status for r in replies] == [202, 202], f"push: {[(r.status, r.code) for r in replies]}")
    batch: Json = replies[0].body
    check(replies[1].body["id"] == batch["id"], "the same batch came twice")
    state: Json = {}

    def done() -> bool:
        state.update(call(scene, ours, "GET", f"/batches/{batch['id']}").body)
        return bool(state["state"] == "done")

    until(done, "the pushed batch", WORK_LIMIT_S)
    check(state["counts"] == {"filed": SIZE - 1, "refused": 0, "skipped": 0}, f"counts: {state['counts']}")
    foreign = call(scene, others, "GET", f"/batches/{batch['id']}")
    check((foreign.status, foreign.code) == (404, "batch_not_found"), f"another client sees it: {foreign.status}")
    scene.seen |= {"pushed": batch["id"], "pushed person": people[0].student_number}
    yield f"一批 {SIZE - 1} 人：202 → done；同一批次键重发仍是同一批；别的系统看不到"
    record = record_of(last)
    single = [call(scene, ours, "POST", "/graduates", f"one-{key}", json=record) for _ in range(2)]
    check([r.status for r in single] == [201, 200], f"single: {[(r.status, r.code) for r in single]}")
    check(single[0].body == single[1].body, "the replay differs")
    check(single[1].headers.get("idempotent-replayed") == "true", "the replay does not say that it is one")
    wrong = call(scene, ours, "POST", "/graduates", f"bad-{key}", json=record | {"id_number": "110105200403150000"})
    check(wrong.status == 422 and wrong.body["errors"][0]["pointer"] == "/id_number", f"wrong field: {wrong.body}")
    yield "一人：201，重发得到同一答复；身份证号有误时 422 指明 /id_number"


def record_of(row: dict[str, str]) -> Json:
    names = {
        "student_number": "学号",
        "name": "姓名",
        "id_number": "身份证号",
        "phone": "手机号",
        "college": "学院",
        "major": "专业",
        "degree_level": "学历层次",
    }
    return {name: row[column] for name, column in names.items()} | {"cohort_year": int(row["毕业年份"])}


@step("doors.undo", WHOLE, "整批撤销", "console: the pushed batch is undone", "doors.push", "op.staff")
def undo(scene: Scene) -> Iterator[str]:
    clerk, path = scene.clerk("archivist"), f"/console/import/{scene.seen['pushed']}"
    clerk.find(scene.seen["pushed person"])
    clerk.open(path)
    clerk.window.submit("/undo", understood="yes")
    settled(clerk, path, "已撤销")
    clerk.open("/console/graduates")
    clerk.window.submit("/graduates/find", student_number=scene.seen["pushed person"])
    check("未找到" in clerk.window.text, f"an undone graduate is found: {clerk.window.text[:200]}")
    yield "撤销后按学号找不到该批的人；批次与逐行结果仍可查"
