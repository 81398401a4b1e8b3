"""The operators' command line: every command is in the list, and only the one that is asked for is loaded."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import commands
from cli import COMMANDS, lantai

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_listed_is_there_and_says_what_it_does(name: str) -> None:
    told = CliRunner().invoke(lantai, [name, "--help"])
    assert told.exit_code == 0, told.output
    assert COMMANDS[name].line.endswith("。")
    command = lantai.get_command(click.Context(lantai), name)
    assert command is not None
    assert command.name == name


def test_nothing_that_stands_below_commands_is_left_out() -> None:
    listed = {(place.module, place.name) for place in COMMANDS.values()}
    below = set[int]()  # what a group of the same or another module holds already
    found: dict[tuple[str, str], click.Command] = {}
    for module in pkgutil.iter_modules(commands.__path__):
        for name, value in vars(importlib.import_module(f"commands.{module.name}")).items():
            if isinstance(value, click.Command):
                found[module.name, name] = value
                below |= {id(c) for c in value.commands.values()} if isinstance(value, click.Group) else set()
    listed_commands = {id(found[place]) for place in listed}
    left_out = [place for place, c in found.items() if id(c) not in below | listed_commands]
    assert left_out == []


def test_the_list_loads_no_application() -> None:
    code = "import sys, cli\ncli.lantai.main(['-h'], standalone_mode=False)\nassert 'parts' not in sys.modules"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "keys" in ran.stdout


def test_a_command_nobody_knows_is_refused() -> None:
    assert CliRunner().invoke(lantai, ["nope"]).exit_code == 2
