"""Dossiers by the hundred thousand: sealed as filing seals them, indexed by the real index, brought in by COPY.

Each has at least twelve records and two materials. Indexes and foreign keys are dropped before and made again after.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import UUID

import psycopg

from app.db import Database, new_id
from app.dossiers import class_map, rules
from app.dossiers.indexing import Unit
from app.dossiers.models import Material
from app.dossiers.rules import Section
from app.dossiers.units import UnitOwner
from app.envelope import BlindIndex, DataKey, Place, seal_json
from app.people.models import Graduate
from app.people.rules import id_check_digit
from app.people.service import card_place
from app.retrieval.index import SearchIndex, indexed
from app.retrieval.keys import IndexKeys
from bench.stand import PROJECT
from providers.embedded.services import ServiceUrls
from providers.keys import FileKeys
from providers.sandbox import cohort_tables as vocabulary
from wiring import libpq_url

WORKERS = 2
BATCH = 500
COHORTS = range(2016, 2026)
COLUMNS = {
    "data_key": "owner_id, version, kek_version, wrapped, created_at",
    "graduate": "id, sealed_card, student_number_bidx, id_number_bidx, phone_bidx, cohort_year, college, major,"
    " degree_level, card_version, created_at",
    "dossier": "id, graduate_id, state, version, created_at",
    "record": "id, dossier_id, section, position, zone, zone_rule, current",
    "record_version": "id, record_id, number, sealed_body, source, created_at",
    "material": "id, dossier_id, class_code, kind, sequence, zone, zone_rule, current",
    "material_version": "id, material_id, number, sealed_about, source, created_at",
    "retrieval_unit": "id, shelf_key, graduate_id",
}
_TOPIC_PLACES = ("县域", "高校", "湿地", "城市", "乡村", "园区", "校园", "流域", "山区", "海岛", "口岸", "古城")
_TOPIC_THINGS = ("档案", "数据", "物流", "土壤", "能耗", "课堂", "文献", "材料", "网络", "交通", "水质", "方言")
_TOPIC_WAYS = ("保存方法", "优化设计", "实证分析", "比较研究", "评价模型", "演化机制", "监测系统", "口述整理")


@dataclass(frozen=True, slots=True)
class Order:
    """What one worker makes: serial numbers from ``start`` to ``stop``."""

    url: str
    keys: str
    start: int
    stop: int


def _hex(data: bytes) -> str:
    return "\\\\x" + data.hex()


def _bodies(
    chance: Random, serial: int, card: dict[str, str], college: vocabulary.College, cohort: int
) -> Iterator[tuple[Section, dict[str, str]]]:
    """Twelve records, thirteen for one in four."""
    major = college.majors[serial % len(college.majors)]
    yield Section.IDENTITY, {k: card[k] for k in ("name", "id_number", "phone")}
    yield Section.ENROLMENT, {"student_number": card["student_number"], "college": college.name, "major": major}
    yield Section.EDUCATION, {"school": chance.choice(vocabulary.SCHOOLS), "level": "本科", "end_on": f"{cohort}-06"}
    shared = chance.sample(vocabulary.FIRST_DEGREE_COURSES, 3) + chance.sample(college.courses, 3)
    for number, name in enumerate(shared):
        term = f"{cohort - 4 + number % 4}-{cohort - 3 + number % 4}-1"
        yield (
            Section.COURSE,
            {"course_name": name, "term": term, "credit": "3", "grade": str(60 + chance.randrange(40))},
        )
    for name, level, issuer in chance.sample(vocabulary.AWARDS, 2):
        on = f"{cohort - chance.randrange(4)}-10-01"
        yield Section.AWARD, {"award_name": name, "level": level, "issuer": issuer, "awarded_on": on}
    aspect, grade = chance.choice(vocabulary.EVALUATION_ASPECTS), chance.choice(("优秀", "良好"))
    yield Section.EVALUATION, {"item": aspect, "result": grade, "academic_year": f"{cohort - 1}-{cohort}"}
    if serial % 4 == 0:
        # titles of their own, as theses have them
        parts = (chance.choice(_TOPIC_PLACES), chance.choice(_TOPIC_THINGS), chance.choice(_TOPIC_WAYS))
        title = f"{parts[0]}{parts[1]}的{parts[2]}（{serial}）"
        yield Section.RESEARCH, {"title": title, "kind": "论文", "role": "第一完成人", "published_on": f"{cohort}-05"}


class Maker:
    """One worker's rows, table by table."""

    def __init__(self, order: Order) -> None:
        wrapper = FileKeys(Path(order.keys))
        self.wrapper = wrapper
        self.blind = BlindIndex(wrapper.secret("blind-index"))
        self.index = SearchIndex(IndexKeys(wrapper.secret("search-index")))
        self.now = datetime.now(UTC).isoformat()
        self.rows: dict[str, list[str]] = {table: [] for table in COLUMNS}
        self.shelves: dict[tuple[object, ...], bytes] = {}
        self.new: list[Unit] = []

    def graduate(self, serial: int) -> None:
        chance = Random(serial)
        college = vocabulary.COLLEGES[serial % len(vocabulary.COLLEGES)]
        cohort = COHORTS[serial // 7 % len(COHORTS)]
        digits = f"110105{1990 + serial % 16}{serial // 16 % 12 + 1:02d}{serial // 192 % 28 + 1:02d}{serial % 1000:03d}"
        card = {
            "name": chance.choice(vocabulary.SURNAMES) + chance.choice(vocabulary.GIVEN_SECOND),
            "id_number": digits + id_check_digit(digits),
            "student_number": f"{cohort - 4}{serial:08d}",
            "phone": f"194{serial:08d}",
        }
        row = Graduate(
            id=new_id(),
            cohort_year=cohort,
            college=college.name,
            major=college.majors[serial % len(college.majors)],
            degree_level="本科",
            card_version=1,
        )
        key = self._person(row, card)
        owner, dossier = UnitOwner.of(row), new_id()
        self.rows["dossier"].append(f"{dossier}\t{row.id}\topen\t1\t{self.now}")
        positions: dict[Section, int] = {}
        for section, body in _bodies(chance, serial, card, college, cohort):
            positions[section] = positions.get(section, 0) + 1
            self._record(key, owner, dossier, section, positions[section], body)
        for class_code, title in (("4-1", "成绩单"), ("3", "学年鉴定表")):
            self._material(key, owner, dossier, class_code, title)

    def _person(self, row: Graduate, card: dict[str, str]) -> DataKey:
        material = new_id().bytes + new_id().bytes
        key = DataKey(row.id, 1, material)
        aad = b"data_key" + row.id.bytes + (1).to_bytes(2, "big")
        version, wrapped = self.wrapper.wrap(material, aad)
        self.rows["data_key"].append(f"{row.id}\t1\t{version}\t{_hex(wrapped)}\t{self.now}")
        sealed = seal_json(key, card_place(row), card)
        blind = [_hex(self.blind.of("graduate", n, card[n])) for n in ("student_number", "id_number", "phone")]
        self.rows["graduate"].append(
            f"{row.id}\t{_hex(sealed)}\t{blind[0]}\t{blind[1]}\t{blind[2]}\t{row.cohort_year}\t{row.college}"
            f"\t{row.major}\t{row.degree_level}\t1\t{self.now}"
        )
        return key

    def _record(
        self,
        key: DataKey,
        owner: UnitOwner,
        dossier: UUID,
        section: Section,
        position: int,
        body: dict[str, str],
    ) -> None:
        zone = rules.section_zone(section)
        record_id, version = new_id(), new_id()
        # the place itself (app/dossiers/places.py): building a row of the model for it would cost more than the seal
        sealed = seal_json(key, Place("record_version", "sealed_body", version), body)
        self.rows["record"].append(
            f"{record_id}\t{dossier}\t{section.value}\t{position}\t{zone.zone.value}\t{zone.id}\t1"
        )
        self.rows["record_version"].append(f"{version}\t{record_id}\t1\t{_hex(sealed)}\timport\t{self.now}")
        told = (owner.cohort_year, owner.major, section, *body.values()) if section is not Section.COURSE else (
            owner.cohort_year, owner.major, body["course_name"], body["term"])  # fmt: skip
        self._unit(told, lambda: owner.record(record_id, section, zone.zone, body), record_id, owner)

    def _material(self, key: DataKey, owner: UnitOwner, dossier: UUID, class_code: str, title: str) -> None:
        zone = class_map.current().zone_of(class_code, "")
        row = Material(id=new_id(), class_code=class_code, kind="", zone=zone.zone)
        version = new_id()
        formed = f"{owner.cohort_year}-06-01"
        sealed = seal_json(
            key, Place("material_version", "sealed_about", version), {"title": title, "formed_on": formed, "pages": 2}
        )
        self.rows["material"].append(f"{row.id}\t{dossier}\t{class_code}\t\t1\t{zone.zone.value}\t{zone.id}\t1")
        self.rows["material_version"].append(f"{version}\t{row.id}\t1\t{_hex(sealed)}\timport\t{self.now}")
        told = (owner.cohort_year, owner.major, class_code, title)
        self._unit(told, lambda: owner.material(row, title, formed), row.id, owner)

    def _unit(self, told: tuple[object, ...], make: Callable[[], Unit], unit_id: UUID, owner: UnitOwner) -> None:
        """A shelf seen for the first time goes by the real index; later units of it by COPY alone."""
        shelf = self.shelves.get(told)
        if shelf is not None:
            self.rows["retrieval_unit"].append(f"{unit_id}\t{_hex(shelf)}\t{owner.graduate_id}")
            return
        unit = make()
        if indexed(unit):
            self.new.append(unit)
            self.shelves[told] = self.index.keys.shelf(self.index.keys.entry(unit), unit)


def work(order: Order) -> None:
    """One worker process: makes and copies its share."""
    maker, db = Maker(order), Database(order.url, pool_size=1)
    with psycopg.connect(libpq_url(order.url)) as connection:
        for start in range(order.start, order.stop, BATCH):
            for serial in range(start, min(start + BATCH, order.stop)):
                maker.graduate(serial)
            # one call in one short transaction: texts are added in key order, so workers cannot block each other
            with db.transaction() as session:
                maker.index.add(session, maker.new)
            maker.new.clear()
            with connection.cursor() as cursor:
                for table, columns in COLUMNS.items():
                    with cursor.copy(f"copy {table} ({columns}) from stdin") as copy:
                        copy.write("\n".join(maker.rows[table]) + "\n" if maker.rows[table] else "")
                    maker.rows[table].clear()
            _keep(connection)
    db.dispose()


def _keep(connection: psycopg.Connection) -> None:
    connection.execute("commit")


def fill(urls: ServiceUrls, keys: Path, count: int) -> float:
    """``count`` dossiers in an empty, migrated database; gives the seconds it took."""
    began = time.monotonic()
    with psycopg.connect(libpq_url(urls.database_owner_url), autocommit=True) as owner:
        made_again = list(_strip(owner))
        share = -(-count // WORKERS)
        orders = [Order(urls.database_url, str(keys), n * share, min(count, (n + 1) * share)) for n in range(WORKERS)]
        running = [_worker(order) for order in orders if order.stop > order.start]
        codes = [process.wait() for process in running]
        if any(codes):
            raise SystemExit("a worker failed")
        owner.execute("set maintenance_work_mem = '512MB'")
        for statement in made_again:
            owner.execute(statement)
        owner.execute("vacuum analyze")
    return time.monotonic() - began


def _worker(order: Order) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-m", "bench.bulk_dossiers"], cwd=PROJECT, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(order)).encode())
    process.stdin.close()
    return process


def _strip(owner: psycopg.Connection) -> Iterator[str]:
    """Drop keys and indexes of the tables that are filled; yields what makes them again, keys before foreign keys."""
    tables = list(COLUMNS)
    constraints = owner.execute(
        "select conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype::text from pg_constraint"
        " where conrelid::regclass::text = any(%s) or confrelid::regclass::text = any(%s)"
        " order by contype = 'f' desc",
        (tables, tables),
    ).fetchall()
    keys = [c for c in constraints if c[3] in ("p", "u", "f")]
    for table, name, _, _ in keys:
        owner.execute(f"alter table {table} drop constraint {name}")
    indexes = owner.execute(
        "select indexdef, indexname from pg_indexes where schemaname = 'public' and tablename = any(%s)", (tables,)
    ).fetchall()
    for _, name in indexes:
        owner.execute(f"drop index {name}")
    # the index upserts units by this key while workers run
    owner.execute("alter table retrieval_unit add constraint pk_retrieval_unit primary key (id)")
    again = [c for c in keys if c[1] != "pk_retrieval_unit"]
    yield from (f"alter table {t} add constraint {n} {d}" for t, n, d, kind in again if kind != "f")
    yield from (definition for definition, _ in indexes)
    yield from (f"alter table {t} add constraint {n} {d}" for t, n, d, kind in again if kind == "f")


if __name__ == "__main__":
    work(Order(**json.loads(sys.stdin.read())))
