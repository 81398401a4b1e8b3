"""The rules of the house (docs/architecture.md), held by tests."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parent.parent
DOORS = ("miniprogram_api", "staff_console", "partner_api", "receipt_page", "check_page", "operations_api")
PACKAGES = ("app", "auth", *DOORS, "notifications", "providers", "wired")
TREES = (*PACKAGES, "commands", "deploy", "migrations", "tests", "bench")
ENTRIES = ("cli", "wsgi", "worker", "face_worker")
TOP = (*ENTRIES, "wiring", "parts")
MAX_LINES, MAX_FUNCTION = 400, 60
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
# Where the web framework may stand (1-house: the doors, the guards, app/web.py, the sandbox, the entries)
FLASK_HOMES = (*DOORS, "auth/guards.py", "app/web.py", "providers/sandbox")


def sources(*trees: str) -> Iterator[Path]:
    for tree in trees:
        yield from sorted((ROOT / tree).rglob("*.py"))
    yield from (ROOT / f"{name}.py" for name in TOP)


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_import_contracts_hold() -> None:
    run = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:]


def test_nobody_imports_an_entry_and_only_the_top_knows_wiring() -> None:
    for path in sources(*PACKAGES, "commands"):
        names = imported(path)
        here = path.relative_to(ROOT).as_posix()
        if here.split(".")[0] not in ENTRIES:
            assert not names & set(ENTRIES), here
        if here.split("/")[0] not in ("wired", "wiring.py"):
            assert not any(n.split(".")[0] == "wired" for n in names), f"{here} may not know how things are wired"
        if here.split("/")[0] in PACKAGES:
            assert not names & {"wiring", "commands"}, f"{here} may not know wiring or commands"
        if "parts" in names and here.split("/")[0] in PACKAGES:
            assert here.split("/")[0] in DOORS, here


def test_only_the_face_worker_loads_the_face_stack() -> None:
    loaders = {
        p.relative_to(ROOT).as_posix()
        for p in sources(*PACKAGES, "commands")
        if any(n.startswith(("face_recognition", "dlib", "providers.faces.engine")) for n in imported(p))
    }
    outside = {p for p in loaders if not p.startswith(("providers/faces/", "providers/sandbox/"))}
    assert outside == {"face_worker.py"}


def test_flask_stays_where_it_belongs() -> None:
    strays = [
        p.relative_to(ROOT).as_posix()
        for p in sources(*PACKAGES, "commands")
        if any(n.split(".")[0] in ("flask", "apiflask", "werkzeug") for n in imported(p))
        and not p.relative_to(ROOT).as_posix().startswith((*FLASK_HOMES, "wsgi.py"))
    ]
    assert strays == []


def test_no_import_circles() -> None:
    graph = grimp.build_graph(*PACKAGES, include_external_packages=False)
    below: dict[str, set[str]] = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module in done:
            return
        for other in sorted(below[module]):
            walk(other, (*path, module))
        done.add(module)

    for module in sorted(graph.modules):
        walk(module, ())


def test_commit_stands_in_one_place() -> None:
    places = [
        p.relative_to(ROOT).as_posix()
        for p in sources(*PACKAGES, "commands", "deploy", "migrations")
        for node in ast.walk(ast.parse(p.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert places == ["app/db.py"]


def _days_of_no_zone(tree: ast.AST) -> list[int]:
    """Lines where a moment's day is taken as its zone happens to be: it has no zone of its own, the school has."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("date", "today")
        and not node.args
        and ast.unparse(node.func) != "local.date"  # by its name a moment in the school's time
        and "strptime" not in ast.unparse(node.func)
    ]


def test_a_day_is_the_schools_day() -> None:
    for path in sources(*PACKAGES):
        here = path.relative_to(ROOT).as_posix()
        if here != "app/office_time.py" and not here.startswith("providers/sandbox/"):
            found = _days_of_no_zone(ast.parse(path.read_text(encoding="utf-8")))
            assert not found, f"{here}:{found[0]}: take the day by app.office_time.office_date"


@pytest.mark.parametrize("tree", [*TREES, *TOP])
def test_files_and_functions_stay_small(tree: str) -> None:
    top = ROOT / f"{tree}.py"
    for path in [top] if tree in TOP else sorted((ROOT / tree).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        here = path.relative_to(ROOT).as_posix()
        assert text.count("\n") <= MAX_LINES, f"{here} has {text.count(chr(10))} lines"
        if here.startswith("migrations/versions/"):
            continue  # generated statements; one function per direction is Alembic's form
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= MAX_FUNCTION, f"{here}: {node.name} has {length} lines"


def test_names_say_what_a_file_is_for_and_inits_are_empty() -> None:
    for path in sources(*TREES):
        assert path.stem not in VAGUE, path
        if path.name == "__init__.py":
            assert path.read_text() == "", path


def test_a_planted_fault_is_found() -> None:
    """The scanners above see what they look for."""
    tree = ast.parse("import flask\ndef f(s):\n    s.commit()\n")
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    calls = [n.func.attr for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    assert names == {"flask"}
    assert calls == ["commit"]
    assert _days_of_no_zone(ast.parse("a = clock.now().date()\nb = date.today()\nc = office_date(now)\n")) == [1, 2]
