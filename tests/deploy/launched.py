"""Calls the launcher on the plan in a JSON file, as tests/deploy/test_launcher.py needs it: a process of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from deploy.launcher import launch, say
from deploy.programs import Program, Step


def main(file: Path) -> int:
    plan: list[Program | Step] = []
    for part in json.loads(file.read_text("utf-8")):
        kind = Program if part.pop("kind") == "program" else Step
        plan.append(kind(**{**part, "argv": tuple(part["argv"])}))
    return launch(
        plan,
        folder=file.parent,
        environment=os.environ,
        when_ready=lambda: say("READY"),
        limit_s=30.0,
        patience_s=2.0,
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
