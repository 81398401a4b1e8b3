"""`lantai demo …`: the sample cohort, staff, phones and terminal of `make demo`. Refused in production."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import pyotp

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.dossiers.incoming import NewMaterial
from app.errors import Conflict, Forbidden
from app.governance.seeds import SEED_RULES
from app.imports.bundle import packed_folder
from app.settings import Settings
from commands.cohort import print_report
from commands.demo_cases import open_chat, open_tickets, open_transfer
from commands.demo_office import prepare_office, seal_for_office
from commands.demo_scans import sample_scan
from commands.parts import wired
from commands.receivers import take_in
from parts import Lantai
from providers.sandbox.cohort import SampleGraduate, write_cohort
from providers.sandbox.hr_files import HrFiles, hr_files
from providers.sandbox.phones import PhoneBook
from providers.sandbox.receivers import write_receivers

COHORT_SIZE = 40
SEED = 2026
YEAR = 2026
STAFF = (
    ("archivist", "程一舟", (Role.ARCHIVIST,)),
    ("reviewer", "沈知微", (Role.REVIEWER, Role.ARCHIVIST)),
    ("dispatcher", "陆远山", (Role.DISPATCHER,)),
    ("admin", "顾明德", (Role.ADMINISTRATOR,)),
)
MATERIALS = (
    ("2", "", "自传", 3),
    ("3", "", "学年鉴定表", 2),
    ("4-1", "", "毕业生登记表", 4),
    ("4-1", "transcript", "成绩单", 2),
    ("4-1", "", "学位授予证明", 1),
    ("5", "", "政审材料", 2),
    ("6", "", "入团志愿书", 4),
    ("6", "application", "入党申请书", 6),
    ("10", "confidential", "组织函件", 1),
)


@click.group("demo")
def group() -> None:
    """演示数据（仅限演示环境）。"""


def _require_demo(settings: Settings) -> None:
    if settings.environment == "production":
        raise Forbidden("forbidden")


def _logins_file(settings: Settings) -> Path:
    return settings.data_dir.parent / "demo-logins.json"


def _sandbox_folder(settings: Settings) -> Path:
    return settings.data_dir.parent / "sandbox"


@group.command("load")
def load_command() -> None:
    """装入示例届次；已有数据时不做任何事。"""
    with wired() as parts:
        _require_demo(parts.settings)
        office = hr_files(_sandbox_folder(parts.settings))
        if parts.staff.any_exists():
            prepare_office(parts, office)
            click.echo("示例数据已存在，保留不动。")
            return
        logins = _load(parts, office)
        file = _logins_file(parts.settings)
        file.touch(mode=0o600)
        file.write_text(json.dumps(logins, ensure_ascii=False, indent=1), encoding="utf-8")


def _load(parts: Lantai, office: HrFiles) -> dict[str, Any]:
    folder = parts.settings.data_dir.parent / "cohort"
    portraits = parts.settings.data_dir.parent / "portraits"
    people = write_cohort(
        folder, n=COHORT_SIZE, seed=SEED, year=YEAR, portraits=portraits if portraits.is_dir() else None
    )
    _write_materials(folder, people)
    with click.progressbar(length=COHORT_SIZE, label="装入示例届次", file=sys.stderr) as bar:
        report = parts.importer.run(
            SYSTEM, folder.name, packed_folder(folder), lambda done, *_: bar.update(done - bar.pos)
        )
    print_report(report)
    _add_receivers(parts, folder.parent / "receivers.csv")
    staff = [_add_staff(parts, *row) for row in STAFF]
    _, terminal = parts.logins.add_terminal("演示自助终端")
    ids = _add_scans(parts, people[:6])
    open_tickets(parts, ids)
    open_transfer(parts, next(UUID(s["id"]) for s in staff if s["username"] == "dispatcher"), ids[3])
    prepare_office(parts, office)
    by_name = {s["username"]: UUID(s["id"]) for s in staff}
    seal_for_office(parts, by_name["dispatcher"], by_name["archivist"], _ids(parts, people[6:]))
    _add_phones(parts, people)
    parts.rulebook.seed(SEED_RULES)
    parts.duties.seed()
    open_chat(parts, ids[5])
    parts.completeness.recompute(None)
    parts.meters.snapshot()
    with contextlib.suppress(Conflict):  # the worker may have counted in the meantime
        parts.statistics.publish(SYSTEM)
    graduates = [
        {"student_number": p.student_number, "name": p.name, "id_number": p.id_number, "phone": p.phone}
        for p in people[:6]
    ]
    return {"staff": staff, "terminal": terminal, "graduates": graduates}


def _write_materials(folder: Path, people: list[SampleGraduate]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["学号", "类别", "种类", "题名", "形成日期", "页数", "备注"])
    for person in people:
        for class_code, kind, title, pages in MATERIALS:
            writer.writerow([person.student_number, class_code, kind, title, f"{YEAR}-06-10", pages, ""])
    (folder / "materials.csv").write_text(out.getvalue(), encoding="utf-8-sig")


def _add_receivers(parts: Lantai, path: Path) -> None:
    write_receivers(path, seed=SEED)
    take_in(parts, lambda: path.open("rb"))


@group.command("receivers")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--counties", type=click.IntRange(0, 90), default=24, show_default=True, help="县级机构的个数。")
def receivers_command(path: Path, counties: int) -> None:
    """写出一份虚构的接收单位名录，供 lantai receivers import 试用。"""
    click.echo(f"已写入 {write_receivers(path, seed=SEED, counties=counties)} 个虚构单位：{path}")


def _add_staff(parts: Lantai, username: str, name: str, roles: tuple[Role, ...]) -> dict[str, Any]:
    made = parts.staff.add(SYSTEM, username, name, roles)
    password = "-".join(secrets.token_hex(2) for _ in range(4))
    # sample accounts skip the forced change, so that the printed password works
    parts.staff.change_password(Actor(ActorKind.STAFF, made.staff_id), made.password, password)
    return {
        "id": str(made.staff_id),
        "username": username,
        "name": name,
        "roles": [r.value for r in roles],
        "password": password,
        "totp_secret": made.totp_secret,
    }


def _ids(parts: Lantai, people: list[SampleGraduate]) -> list[UUID]:
    clerk = Actor(ActorKind.STAFF, SYSTEM.id, frozenset({Role.ARCHIVIST}))
    return [parts.people.find_by_student_number(clerk, p.student_number).id for p in people]


def _add_scans(parts: Lantai, people: list[SampleGraduate]) -> list[UUID]:
    """A readable scan for these graduates, so that a download can be tried; gives their ids."""
    ids = []
    for person in people:
        graduate = parts.people.find_by_student_number(
            Actor(ActorKind.STAFF, SYSTEM.id, frozenset({Role.ARCHIVIST})), person.student_number
        )
        document = parts.outside.cleaner.clean(sample_scan(person.student_number))
        material = NewMaterial("4-1", "transcript", "成绩单（扫描件）", f"{YEAR}-06-20", 1, None, document)
        parts.filing.add_material(SYSTEM, graduate.id, material)
        ids.append(graduate.id)
    return ids


def _add_phones(parts: Lantai, people: list[SampleGraduate]) -> None:
    file = _sandbox_folder(parts.settings) / "phones.json"
    if file.is_file():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    book = PhoneBook(file)
    for index, person in enumerate(people[:6]):
        book.add(
            platform="alipay" if index % 3 == 1 else "wechat",
            name=f"{person.name}的手机",
            real_name=person.name,
            id_number=person.id_number,
            phone_number=person.phone,
        )


@group.command("logins")
def logins_command() -> None:
    """显示示例登录信息与当前动态口令。"""
    with wired() as parts:
        _require_demo(parts.settings)
        file = _logins_file(parts.settings)
    if not file.is_file():
        click.echo("没有示例登录信息：数据库不是由 make demo 装入的。")
        return
    logins = json.loads(file.read_text(encoding="utf-8"))
    left = 30 - int(time.time()) % 30
    for person in logins["staff"]:
        code = pyotp.TOTP(person["totp_secret"]).now()
        click.echo(f"{person['username']:<11}{person['password']:<22}动态口令 {code}（{left} 秒后更换）")
    click.echo("动态口令会更换：再次运行 ./lantai demo logins 查看")
    for person in logins["graduates"][:3]:
        click.echo(f"毕业生 {person['name']}  学号 {person['student_number']}  身份证号 {person['id_number']}")
    click.echo("自助终端凭证见 var/demo-logins.json")
