"""The words of completeness."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "seal_needs_materials": (
        "密封前须先补齐：{items}",
        "Before sealing the dossier still needs: {items}",
    ),
    "export_too_large": (
        "结果超过 {most} 条，请先按学院或材料缩小范围",
        "More than {most} lines; narrow the filter first",
    ),
    "printing_unavailable": ("目录暂时无法生成，请稍后再试", "The document cannot be printed now; retry later"),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {}
