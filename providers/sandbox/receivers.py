"""Invented bodies that receive dossiers, as the list a province would publish: no such office exists."""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random

from stdnum.cn import uscc

from providers.sandbox.cohort_tables import ORIGINS

COLUMNS = (
    "代码",
    "类型",
    "名称",
    "统一社会信用代码",
    "行政区划代码",
    "办公地址",
    "部门",
    "邮政编码",
    "办公电话",
    "授权或管理权限文件",
    "有效期起",
    "有效期止",
    "登记依据",
)
_STREETS = "梧桐松柏清泉云台文昌望江"
_UNITS = (("12", "示例水利科学研究院"), ("91", "示例能源集团有限公司"), ("11", "示例市档案馆"))
_SCHOOLS = ("样本大学", "示例理工大学")


def write_receivers(path: Path, *, seed: int, counties: int = 24) -> int:
    """Write a CSV (UTF-8 with a mark): public bodies where the invented class comes from and of ``counties`` counties,
    a unit authorised by a province, state units, schools. The same seed gives the same file. Gives the number of rows.
    """
    random = Random(seed)  # noqa: S311 - invented data
    rows: list[tuple[str, ...]] = []
    places = [*ORIGINS, *((f"4101{n:02d}", f"示例市第{n}县") for n in range(2, 2 + counties))]
    for region, place in places:
        name = f"{place}示例人力资源公共服务中心"
        rows.append(_row(random, f"GG-{region}", "公共就业和人才服务机构", name, "12", region, "0371"))
    agency = "示例省人才交流服务中心"
    rows.append(_row(random, "SQ-1", "省级授权单位", agency, "12", "410000", "0371", "示人社授〔2025〕1 号"))
    for n, (leading, name) in enumerate(_UNITS, 1):
        paper = "示例市国资委干部管理权限〔2024〕6 号" if leading == "91" else ""
        rows.append(_row(random, f"GY-{n}", "国有单位", name, leading, "440300", "0755", paper))
    for n, name in enumerate(_SCHOOLS, 1):
        rows.append(_row(random, f"ZX-{n}", "招生学校", name, "12", "320100", "025"))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return len(rows)


def _row(
    random: Random, code: str, kind: str, name: str, leading: str, region: str, area: str, paper: str = ""
) -> tuple[str, ...]:
    body = f"{leading}{region}{random.randrange(10**9):09d}"
    start = random.randrange(0, len(_STREETS), 2)
    return (
        code,
        kind,
        name,
        body + str(uscc.calc_check_digit(body)),
        region,
        f"{_STREETS[start : start + 2]}路 {random.randrange(1, 300)} 号",
        "研究生院档案室" if kind == "招生学校" else "人事档案科",
        f"{region[:2]}0000",
        f"{area}-{random.randrange(10**7):07d}0",
        paper,
        "2025-01-01",
        "",
        "示例名录（虚构）",
    )
