"""Text blocks with variables in braces. Pure. A variable nobody knows is refused when the block is kept, not when it is
sent to a graduate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from app.actors import Role

KEEPERS = (Role.REVIEWER,)
MOST_TITLE, MOST_BODY = 60, 1500
_BRACES = re.compile(r"\{([^{}]*)\}")


class Variable(StrEnum):
    NAME = "姓名"
    NUMBER = "工单号"
    DUE = "期限"
    MISSING = "缺少的材料"
    COLLEGE = "学院"


VARIABLE_WORDS: Mapping[Variable, str] = {
    Variable.NAME: "申请人姓名，只显示姓",
    Variable.NUMBER: "申请编号",
    Variable.DUE: "办结期限的日期",
    Variable.MISSING: "申请中写明的缺少的材料",
    Variable.COLLEGE: "申请人所在学院",
}
SAMPLE: Mapping[Variable, str] = {
    Variable.NAME: "张**",
    Variable.NUMBER: "GZ2026000001",
    Variable.DUE: "2026年7月15日",
    Variable.MISSING: "学年鉴定表",
    Variable.COLLEGE: "文学院",
}


def unknown_variables(body: str) -> Sequence[str]:
    """Names in braces that are no variable, and braces that belong to no pair."""
    named = [v for v in dict.fromkeys(_BRACES.findall(body)) if v not in set(Variable)]
    rest = _BRACES.sub("", body)
    return [*named, *dict.fromkeys(c for c in rest if c in "{}")]


def used(body: str) -> frozenset[Variable]:
    return frozenset(Variable(v) for v in _BRACES.findall(body) if v in set(Variable))


def filled(body: str, values: Mapping[Variable, str]) -> str:
    """Every variable replaced once: a value that holds braces is not read again."""
    return _BRACES.sub(lambda m: values[Variable(m.group(1))], body)
