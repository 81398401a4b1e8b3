"""Importing a cohort: parsing and validating alone, the whole import, and a plain COPY of the same rows; one run, each
in a process of its own, at two sizes.

python -m bench import_cohort
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg

from app.actors import SYSTEM
from app.dossiers.bulk import check_new
from app.imports.bundle import open_upload
from app.imports.cohort import Cohort
from app.imports.columns import FIELDS, GRADUATE_TABLE, Related, new_dossier
from app.people.rules import id_check_digit
from app.settings import load_settings
from bench.stand import PROJECT, Stand, stand
from wiring import build, libpq_url, service_urls

SIZES = (10_000, int(os.environ.get("LANTAI_BENCH_IMPORT_ROWS", "200000")))
ROUNDS = int(os.environ.get("LANTAI_BENCH_ROUNDS", "3"))
TARGET_RATIO, TARGET_FLAT = 0.4, 1.3
_MAJORS = ("档案学", "汉语言文学", "计算机科学与技术", "临床医学", "会计学", "土木工程", "英语", "物理学")
_SURNAMES, _GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨", "子轩雨桐浩宇欣怡思远若兰文博静姝明哲佳宁"


def rows(count: int, offset: int) -> Iterator[list[str]]:
    """Every field of the template, every row another person."""
    first = date(2003, 1, 1)
    for n in range(offset, offset + count):
        born = first + timedelta(days=n % 1000)
        body = f"110105{born:%Y%m%d}{n // 1000:03d}"
        values = {
            "学号": f"2022{n:08d}",
            "姓名": _SURNAMES[n % 16] + _GIVEN[n % 20] + _GIVEN[n // 20 % 20],
            "身份证号": body + id_check_digit(body),
            "手机号": f"138{n:08d}",
            "性别": "女" if n % 2 else "男",
            "出生日期": born.isoformat(),
            "民族": "汉族",
            "生源地代码": "330102",
            "政治面貌": "共青团员",
            "学院": f"第{n % 20}学院",
            "专业": _MAJORS[n % 8],
            "学历层次": "本科",
            "毕业年份": "2026",
            "班级": f"22{n % 400:03d}班",
            "入学日期": "2022年9月1日",
            "毕业日期": "2026/6/30",
            "学制": "4",
            "转递编号": f"{n:018d}",
        }
        yield [values[name] for name in FIELDS[GRADUATE_TABLE]]


def write_table(path: Path, count: int, offset: int) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(FIELDS[GRADUATE_TABLE])
        writer.writerows(rows(count, offset))


# --- what is measured, each in a child ------------------------------------------------------------------------------


def parse(path: Path) -> int:
    """One pass of what every row goes through before anything is looked up, sealed or written: read, brought into
    normal form, checked field by field and against the rows before it, made into the records of a dossier and these
    checked. No keyed hash, no key, no identifier, no row of a table.
    """
    met, related, good = set[str](), Related(), 0
    with path.open("rb") as stream:
        cohort = Cohort(open_upload(path.name, stream), {}, datetime.now(UTC).date())
        for checked in cohort.graduates():
            number = checked.row["学号"]
            if not checked.faults and number not in met:
                check_new(new_dossier(checked.row, related, None))
                good += 1
            met.add(number)
    return good


def whole(path: Path) -> int:
    """Receive (sealed), survey, parse, validate, look up, seal, index, file, with events and row results."""
    settings = load_settings()
    parts = build(settings, service_urls(settings))
    with path.open("rb") as stream:
        view = parts.importer.receive(SYSTEM, name=path.name, stream=stream, source="command")
    filed = parts.importer.import_now(SYSTEM, view.id).filed
    parts.close()
    return filed


def plain_copy(path: Path) -> int:
    """The same rows, unread and unsealed, into a table of text."""
    settings = load_settings()
    owner = libpq_url(service_urls(settings).database_owner_url)
    with path.open(encoding="utf-8-sig", newline="") as source, psycopg.connect(owner) as connection:
        reader = csv.reader(source)
        columns = ", ".join(f'"{name}" text' for name in next(reader))
        connection.execute("drop table if exists plain_rows")
        connection.execute(f"create table plain_rows ({columns})")
        count = 0
        with connection.cursor().copy("copy plain_rows from stdin") as copy:
            for row in reader:
                copy.write_row(row)
                count += 1
    return count


VARIANTS: Mapping[str, Callable[[Path], int]] = {"parse": parse, "whole": whole, "copy": plain_copy}


def child(variant: str, path: Path) -> None:
    started = time.perf_counter()
    processor = time.process_time()
    count = VARIANTS[variant](path)
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    # not getrusage: its peak is inherited from the process that started this one
    status = Path("/proc/self/status").read_text("ascii", errors="replace")
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"count": count, "seconds": seconds, "cpu": processor, "peak_mb": peak}))


def measured(on: Stand, variant: str, path: Path, expected: int) -> tuple[float, float, float]:
    """(seconds, seconds of its own processor, peak MB). Ends the bench when not every row arrived."""
    run = subprocess.run(
        [sys.executable, "-m", "bench.import_cohort", variant, str(path)],
        cwd=PROJECT,
        env=dict(on.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise SystemExit(f"{variant}: {run.stderr[-2000:]}")
    said = json.loads(run.stdout.splitlines()[-1])
    if said["count"] != expected:
        raise SystemExit(f"{variant}: {said['count']} rows of {expected}")
    return said["seconds"], said["cpu"], said["peak_mb"]


def run() -> bool:
    kept, costs = True, list[float]()
    with stand() as on:
        offset = 0
        print("import_cohort: every field of the template, each variant in its own process, best of its rounds")
        print(f"  {'rows':>8}{'variant':>10}{'rows/s':>10}{'µs/row':>9}{'of CPU':>9}{'peak MB':>9}")
        for size in SIZES:
            best: dict[str, float] = {}
            for _ in range(ROUNDS if size <= SIZES[0] else 1):
                path = on.folder / f"rows-{offset}.csv"
                write_table(path, size, offset)
                offset += size
                for variant in VARIANTS:
                    seconds, cpu, peak = measured(on, variant, path, size)
                    cost = f"{seconds / size * 1e6:>9.0f}{cpu / size * 1e6:>9.0f}"
                    print(f"  {size:>8}{variant:>10}{size / seconds:>10.0f}{cost}{peak:>9.0f}", flush=True)
                    best[variant] = min(seconds, best.get(variant, seconds))
                path.unlink()
            ratio = best["parse"] / best["whole"]
            kept &= ratio >= TARGET_RATIO
            costs.append(best["whole"] / size)
            verdict = "kept" if ratio >= TARGET_RATIO else "MISSED"
            print(f"  {size:>8} rows: whole import at {ratio:.2f} of parsing and validating alone, target", end="")
            print(f" ≥ {TARGET_RATIO}  {verdict}; a plain COPY is {best['whole'] / best['copy']:.0f} times as fast")
    flat = costs[1] / costs[0]
    kept &= flat <= TARGET_FLAT
    print(f"  cost per row at {SIZES[1]} to {SIZES[0]} rows: {flat:.2f}  (flat: ≤ {TARGET_FLAT})")
    return kept


if __name__ == "__main__":
    child(sys.argv[1], Path(sys.argv[2]))
