"""The demo's table, environment and ports; that a launch keeps its promises is in test_launcher.py."""

from __future__ import annotations

import socket
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from deploy.demo import Demo, choose, environment, only_one, plan, welcome
from deploy.programs import Program, Step, next_free_port
from providers.sandbox.hr_files import HR_CODE, hr_files

DEMO = Demo(Path("/srv/x y/var"), 8000, 8100, 8200)
ENV_FILE = Path("/srv/x y/var/sandbox/sandbox.env")


def test_servers_come_first_then_migrations_then_the_rest_and_web_last() -> None:
    names = [part.name for part in plan(DEMO, ENV_FILE)]
    programs = ["sandbox", "worker", "face-worker", "web", "hr-office"]
    assert names == ["keys", "services", "migrations", "sample people", *programs]
    without = plan(replace(DEMO, hr_port=None), ENV_FILE)
    assert [part.name for part in without] == names[:-1]


def test_every_part_runs_with_the_given_python_and_long_parts_are_supervised() -> None:
    parts = plan(DEMO, ENV_FILE, python="/venv/python")
    assert {part.argv[0] for part in parts} == {"/venv/python"}
    supervised = {part.name for part in parts if isinstance(part, Program)}
    assert supervised == {"services", "sandbox", "worker", "face-worker", "web", "hr-office"}
    assert {part.name for part in parts if isinstance(part, Step)} == {"keys", "migrations", "sample people"}


def test_the_hr_office_asks_the_web_for_what_its_files_open() -> None:
    office = next(part for part in plan(DEMO, ENV_FILE) if part.name == "hr-office")
    words = dict(pairwise(office.argv))
    assert words["--base"] == DEMO.public_url
    assert words["--code"] == HR_CODE
    files = hr_files(DEMO.folder / "sandbox")
    assert (words["--identity-file"], words["--credential-file"]) == (str(files.identity), str(files.credential))


def test_nothing_listens_beyond_loopback() -> None:
    web = next(part for part in plan(DEMO, ENV_FILE) if part.name == "web")
    assert "127.0.0.1:8000" in web.argv
    assert "0.0.0.0" not in " ".join(word for part in plan(DEMO, ENV_FILE) for word in part.argv)


def test_settings_of_another_installation_stay_out() -> None:
    inherited = {
        "PATH": "/bin",
        "DATABASE_URL": "postgresql://production",
        "REDIS_URL": "redis://production",
        "LANTAI_WECHAT_APP_SECRET": "real",
    }
    found = environment(DEMO, ENV_FILE, inherited)
    assert found["PATH"] == "/bin"
    assert "DATABASE_URL" not in found
    assert "REDIS_URL" not in found
    assert "LANTAI_WECHAT_APP_SECRET" not in found
    assert found["LANTAI_ENVIRONMENT"] == "demo"
    assert found["LANTAI_ENV_FILE"] == str(ENV_FILE)


def test_taken_ports_are_passed_over_and_said(tmp_path: Path) -> None:
    port = next_free_port(25_000)
    names = ("LANTAI_DEMO_PORT", "LANTAI_DEMO_SANDBOX_PORT", "LANTAI_DEMO_HR_PORT")
    wishes = dict.fromkeys(names, str(port))
    demo = choose(tmp_path, wishes)
    assert demo.web_port == port
    assert len({demo.web_port, demo.sandbox_port, demo.hr_port}) == 3
    with socket.create_server(("127.0.0.1", port)):
        assert choose(tmp_path, wishes).web_port > port


def test_two_demos_of_one_checkout_do_not_mix(tmp_path: Path) -> None:
    first = only_one(tmp_path)
    assert first is not None
    assert only_one(tmp_path) is None
    first.close()
    again = only_one(tmp_path)
    assert again is not None
    again.close()


def test_the_box_names_every_address_and_login() -> None:
    text = welcome(DEMO, "graduate 2019001\nstaff li\n", 12.3)
    for word in (
        "http://localhost:8000/console/",
        "http://127.0.0.1:8000/api/v1/reference",
        "http://127.0.0.1:8100/",
        "http://127.0.0.1:8200/",
        "graduate 2019001",
        "staff li",
        "Ctrl-C",
        "12 s",
    ):
        assert word in text
