"""``make journey``: the whole story on a fresh stack; ``--planted`` plants a fault for every step.

Only HTTP, a browser and the command line are used, as outsiders would; the owner's SQL serves planted faults and the
canary alone. Exits 0 only when every step really happened (or, with ``--planted``, every fault was caught at its step).
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

from deploy.fetch_portraits import missing
from tests.journey import (  # noqa: F401 - importing registers the steps and the faults
    alipay_steps,
    bot_faults,
    bot_steps,
    campaign_faults,
    campaign_steps,
    carried_faults,
    carried_steps,
    cases_faults,
    cases_steps,
    chat_faults,
    chat_steps,
    checks_faults,
    checks_steps,
    complete_faults,
    complete_steps,
    desk_steps,
    doors_faults,
    doors_steps,
    electronic_faults,
    electronic_steps,
    faults,
    govern_faults,
    govern_steps,
    guard_steps,
    letter_faults,
    letter_steps,
    materials_faults,
    materials_steps,
    operator_steps,
    search_faults,
    search_steps,
    signed_faults,
    signed_steps,
    supplemented_steps,
    terminal_steps,
    transfer_faults,
    transfer_steps,
    undelivered_faults,
    undelivered_steps,
    wechat_steps,
)
from tests.journey.cast import Portraits
from tests.journey.clients import Sandbox, Wire
from tests.journey.console import CHROMIUM
from tests.journey.planted import run_planted
from tests.journey.scene import FACED, PLAIN, House, Marks, new_scene
from tests.journey.stack import PROJECT, Stack, StackError
from tests.journey.story import STEPS, say, tell

PORTRAITS = PROJECT / "var" / "portraits"


@contextlib.contextmanager
def house(folder: Path, *, plain: bool) -> Iterator[House]:
    """A folder with a stack that is not running yet, and a browser if there is one and it is wanted."""
    stack, wire = Stack(folder / "stack"), Wire()
    made = House(folder, stack, wire, Sandbox(wire, stack.sandbox), Portraits.of(PORTRAITS), Marks())
    with contextlib.ExitStack() as opened:
        opened.callback(stack.stop)
        if CHROMIUM.exists() and not plain:
            playwright = opened.enter_context(sync_playwright())
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
            opened.callback(browser.close)
            made.browser = browser
            say(f"Chromium {browser.version}；管理台步骤在真实浏览器中进行")
        else:
            say("不用 Chromium：管理台步骤以普通表单进行 (no Chromium: the console is used by plain forms)")
        yield made


def run_story(made: House) -> int:
    made.cohort(1, plain=len(PLAIN), faced=len(FACED))
    began = time.monotonic()
    try:
        tell(STEPS, new_scene(made))
    except Exception as error:
        say(f"\n未完成：{type(error).__name__} (the journey failed)")
        return 1
    say(f"\n全部 {len(STEPS)} 步完成，用时 {time.monotonic() - began:.0f} 秒 (every step happened)")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.journey", description=__doc__)
    parser.add_argument("--planted", action="store_true", help="plant a fault for every step")
    parser.add_argument(
        "--only", default="", help="with --planted: just the faults of these steps, with commas between"
    )
    parser.add_argument("--plain", action="store_true", help="use the console by plain forms even with a Chromium")
    parser.add_argument("--keep", action="store_true", help="keep the folder afterwards")
    chosen = parser.parse_args()
    if missing(PORTRAITS):
        sys.stderr.write("portraits are missing: run .venv/bin/python deploy/fetch_portraits.py\n")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="lantai-journey-"))
    try:
        with house(folder, plain=chosen.plain) as made:
            return (
                run_planted(made, [each for each in chosen.only.split(",") if each])
                if chosen.planted
                else run_story(made)
            )
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        if chosen.keep:
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
