"""The words of imports."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "batch_not_found": ("未找到该导入批次", "The import batch is not found"),
    "batch_key_malformed": (
        "批次键格式有误：1 至 128 个字母、数字或 . _ : -",
        "The batch key is malformed: 1 to 128 letters, digits or . _ : -",
    ),
    "batch_key_reused": (
        "该批次键已用于内容不同的另一次导入，请换一个批次键",
        "This batch key stands for another content already; use another key",
    ),
    "import_running": (
        "该批次正由另一进程处理，请稍后查看",
        "Another process is working on this batch; look again later",
    ),
    "import_state": (
        "该批次当前状态（{state}）不能进行此操作",
        "The batch's state ({state}) does not allow this",
    ),
    "import_dry_only": (
        "这是测试系统提交的数据，只能预检，不能导入",
        "This batch came from the sandbox: it can be checked, not imported",
    ),
    "import_source_gone": (
        "该批次的源文件已按期删除，请重新上传",
        "The source of this batch has been deleted on schedule; upload it again",
    ),
    "import_not_undoable": (
        "该批次已有后续业务，不能整批撤销：{count} 行受影响，第一处：第 {line} 行（{why}）",
        "Something depends on this batch, it cannot be undone: {count} rows, first at line {line} ({why})",
    ),
    "import_nothing_refused": ("该批次没有未导入的行", "No row of this batch was refused"),
    "mapping_wrong": ("列对应关系有误，请按提示修改", "The mapping of columns is wrong; correct the listed ones"),
    "template_kind_unknown": ("没有这种导入模板", "There is no such import template"),
    "source_empty": ("文件是空的", "The file is empty"),
    "workbook_encrypted": (
        "这是加密的工作簿或旧版 .xls 文件，请去除密码并另存为 .xlsx 后重新上传",
        "This is an encrypted workbook or an old .xls file; remove the password and save it as .xlsx",
    ),
    "workbook_macros": (
        "不接收带宏的工作簿（.xlsm），请另存为不带宏的 .xlsx 后重新上传",
        "Workbooks with macros are not taken; save it as .xlsx without macros",
    ),
    "workbook_damaged": ("工作簿已损坏，无法读取", "The workbook is damaged"),
    "archive_damaged": ("压缩包已损坏或不完整，请重新打包上传", "The archive is damaged or truncated; pack it again"),
    "archive_encrypted": (
        "不接收加密的压缩包，请去除密码后重新打包",
        "Encrypted archives are not taken",
    ),
    "archive_unsafe_name": (
        "压缩包中有指向包外的文件名，已拒收整个压缩包",
        "The archive holds a name that points outside of it; it was refused as a whole",
    ),
    "archive_duplicate_name": (
        "压缩包中有重名文件，无法判断以哪个为准，请重新打包",
        "The archive holds one name twice; pack it again",
    ),
    "archive_nested": (
        "压缩包中还有压缩包，请解开后重新打包",
        "The archive holds another archive; unpack it and pack again",
    ),
    "archive_bomb": (
        "压缩包展开后异常膨胀，已拒收",
        "The archive inflates beyond all measure and was refused",
    ),
    "archive_method": (
        "压缩包使用了不支持的压缩方式，请用普通 ZIP 重新打包",
        "The archive is packed by an unsupported method; use plain ZIP",
    ),
}

FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "duplicate_column": ("该列出现两次", "this column appears twice"),
    "unknown_column": ("文件中没有这一列", "the file has no such column"),
}
