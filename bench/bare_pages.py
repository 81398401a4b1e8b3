"""The console's templates in a bare Flask application, with the data of one real answer: what rendering itself costs.

``BENCH_PAGES`` names the console's paths, ``BENCH_STAFF`` a session's token. Each is asked once, and what its template
was given is kept; a function of the context that asks the house for something gives its one answer again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from flask import Flask, before_render_template, render_template

from auth.guards import STAFF_COOKIE
from staff_console.console import __file__ as console_file
from wsgi import create_app

ASKING = ("others_on", "news_on", "text_blocks", "desk_members", "office_rules", "asset")


class Answered:
    """A function that remembers its answers."""

    def __init__(self, ask: Any) -> None:
        self.ask, self.known = ask, dict[Any, Any]()

    def __call__(self, *given: Any) -> Any:
        if given not in self.known:
            self.known[given] = self.ask(*given)
        return self.known[given]


def _captured(house: Flask, path: str, token: str) -> tuple[str, dict[str, Any]]:
    seen: list[tuple[str, dict[str, Any]]] = []

    def note(_: Any, template: Any, context: dict[str, Any], **__: Any) -> None:
        # asked while the real page is rendered, where the house can answer
        context |= {name: Answered(context[name]) for name in ASKING if name in context}
        seen.append((template.name, context))

    http = house.test_client()
    http.set_cookie(STAFF_COOKIE, token, path="/console")
    with before_render_template.connected_to(note, house):
        reply = http.get(path)
    if reply.status_code != 200 or len(seen) != 1:
        raise SystemExit(f"{path}: {reply.status_code}")
    return seen[0]


def create_bare_app() -> Flask:
    house = create_app()
    paths, token = json.loads(os.environ["BENCH_PAGES"]), os.environ["BENCH_STAFF"]
    bare = Flask("bare", static_folder=None, template_folder=Path(console_file).parent / "templates")
    for name, path in paths.items():
        template, context = _captured(house, path, token)
        kept = {k: v for k, v in context.items() if k not in ("g", "session", "config", "get_flashed_messages")}

        def page(template: str = template, kept: dict[str, Any] = kept) -> str:
            return render_template(template, **kept)

        bare.add_url_rule(f"/{name}", name, page)
    bare.add_url_rule("/ready", "ready", lambda: "ready")
    return bare
