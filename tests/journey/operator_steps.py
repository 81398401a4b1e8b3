"""Chapter A: the operator at the command line, and each clerk's first sign-in."""

from __future__ import annotations

import csv
import io
import re
import secrets
from collections.abc import Iterator
from functools import partial

from tests.journey.clients import until
from tests.journey.console import Clerk
from tests.journey.scene import Scene
from tests.journey.story import check, step

CHAPTER = "甲　运维与工作人员 operator and staff"
ALL_WELL = dict.fromkeys(("status", "database", "redis", "schema", "workers", "templates", "pushes", "letters"), "ok")
BEATS_LIMIT_S = 30.0
STAFF = (("archivist", "程一舟"), ("reviewer", "沈知微"), ("dispatcher", "陆远山"))


@step("op.keys", CHAPTER, "生成主密钥", "lantai keys init")
def make_keys(scene: Scene) -> Iterator[str]:
    ran = scene.stack.cli("keys", "init", LANTAI_KEY_DIR=str(scene.keys))
    check(ran.code == 0 and "密钥已就绪" in ran.output, f"keys init: {ran.code} {ran.output.strip()[-300:]}")
    modes = {oct(path.stat().st_mode & 0o777) for path in scene.keys.glob("*.key")}
    check(modes == {"0o400"}, f"key files have modes {modes}")
    for path in scene.keys.glob("*.key"):
        scene.keep("key", path.read_text("ascii").strip())
    yield ran.output.splitlines()[0]


def _all_well(scene: Scene, base: str) -> bool:
    """Raises StepFailed where it is not even ready."""
    reply = scene.house.wire.call("GET", f"{base}/readyz")
    check(reply.status == 200, f"readyz: {reply.status}")
    return bool(reply.body == ALL_WELL)


@step("op.start", CHAPTER, "启动全部服务，升级数据库", "services, migrations, workers, sandbox, web", "op.keys")
def start(scene: Scene) -> Iterator[str]:
    if not (scene.stack.folder / "ready").exists():
        scene.stack.start()
    for base in (scene.stack.web, scene.stack.faceless):
        until(partial(_all_well, scene, base), "everything well, with a worker that beats", BEATS_LIMIT_S)
    ran = scene.stack.cli("db", "upgrade")
    check(ran.code == 0 and "已是最新" in ran.output, f"db upgrade: {ran.output.strip()[-300:]}")
    yield f"网页 {scene.stack.web}　沙箱 {scene.stack.sandbox}　关闭人脸的网页 {scene.stack.faceless}"


@step("op.doctor", CHAPTER, "体检", "lantai doctor")
def doctor(scene: Scene) -> Iterator[str]:
    ran = scene.stack.cli("doctor")
    check(ran.code == 0 and "全部正常" in ran.output, f"doctor: {ran.code}\n{ran.output}")
    yield from ran.output.strip().splitlines()


@step("op.staff", CHAPTER, "新建三个工作人员账号", "lantai staff add: archivist, reviewer, dispatcher")
def add_staff(scene: Scene) -> Iterator[str]:
    for role, name in STAFF:
        username = role + scene.suffix
        scene.own_clerks[role] = hire(scene, role, name, username)
        scene.house.clerks.setdefault(role, scene.own_clerks[role])
        yield f"{name}（{username}）：初始密码与动态口令由命令行输出读得"


def hire(scene: Scene, role: str, name: str, username: str) -> Clerk:
    """A new member of staff at a window of their own, not signed in yet."""
    ran = scene.stack.cli("staff", "add", "--username", username, "--name", name, "--role", role, "--no-qr")
    check(ran.code == 0, f"staff add {role}: {ran.output.strip()[-300:]}")
    password, secret = (_printed(ran.output, label) for label in ("初始密码", "动态口令密钥"))
    for line in ran.output.partition("恢复码")[2].splitlines()[1:]:
        scene.keep("recovery code", line.strip())
    scene.keep("staff secret", password)
    scene.keep("staff secret", secret)
    return Clerk(username, name, scene.house.window(), password, secret)


def _printed(output: str, label: str) -> str:
    found = re.search(rf"^\s*{label}\s+(\S+)$", output, re.MULTILINE)
    check(found, f"the command printed no {label}")
    assert found is not None
    return found[1]


@step("op.import", CHAPTER, "导入一届毕业生，逐行报告", "lantai import FOLDER, one bad row reported")
def import_class(scene: Scene) -> Iterator[str]:
    rows = list(csv.reader(io.StringIO((scene.cohort / "graduates.csv").read_text("utf-8-sig"))))
    ran = scene.stack.cli("import", str(scene.cohort))
    bad = [line.strip() for line in ran.output.splitlines() if "未导入：" in line]
    check(ran.code == 0, f"import: {ran.code} {ran.output.strip()[-300:]}")
    check(len(bad) == 1 and f"第 {len(rows)} 行" in bad[0], f"bad rows reported: {bad}")
    check("身份证号校验码不正确" in bad[0], f"the bad row's reason: {bad[0]}")
    total = f"共 {len(rows) - 1} 行，导入 {len(rows) - 2} 行，未导入 1 行。"
    check(total in ran.output, ran.output.strip()[-200:])
    yield bad[0]
    yield total


@step("op.terminal", CHAPTER, "登记校园自助终端", "lantai terminal add")
def add_terminal(scene: Scene) -> Iterator[str]:
    ran = scene.stack.cli("terminal", "add", f"图书馆一层终端{scene.suffix}")
    check(ran.code == 0, f"terminal add: {ran.output.strip()[-300:]}")
    credential = ran.output.strip().splitlines()[-1]
    check(len(credential) > 30, "no credential printed")
    scene.house.terminal = scene.house.terminal or scene.keep("terminal credential", credential)
    yield "凭证只显示一次，已交给终端"


@step(
    "staff.first", CHAPTER, "首次登录须改密码", "browser: sign in with TOTP, forced to change the password", "op.staff"
)
def first_sign_in(scene: Scene) -> Iterator[str]:
    for clerk in scene.own_clerks.values():
        clerk.sign_in()
        clerk.window.go("/console/")
        check(clerk.window.path == "/console/password", f"{clerk.name} was not led to a new password")
        clerk.change_password(scene.keep("staff secret", secrets.token_urlsafe(15)))
        clerk.open("/console/")
        check("工作台" in clerk.window.text or clerk.window.path == "/console/", "no desk after the change")
        yield f"{clerk.name}：用初始密码登录 → 被要求改密 → 进入工作台"
