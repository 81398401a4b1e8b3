"""The words of the partner door: credentials, scopes, bodies."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "credential_required": (
        "请在 Authorization 头中提供接入凭证（Bearer）",
        "Send the client's credential as a bearer token",
    ),
    "credential_refused": ("接入凭证无效或已停用", "The credential is unknown or disabled"),
    "scope_required": ("该接入凭证没有此项权限，请联系档案管理部门", "This client lacks the scope {scope}"),
    "partner_not_found": ("没有这个接入系统", "There is no such client"),
    "partner_name_taken": ("该接入系统名称已被使用", "This client name is taken"),
    "unknown_scope": ("没有这项权限", "There is no such scope"),
    "schema_not_found": ("没有这个数据结构文档", "There is no such schema"),
    "file_required": ("请求中没有文件", "The request carries no file"),
    "length_required": ("请求须带 Content-Length 或使用分块传输", "Send a Content-Length or a chunked body"),
    "json_malformed": ("JSON 无法解析", "The JSON cannot be parsed"),
    "json_content_type": ("请以 application/json 提交", "Send application/json"),
    "batch_content_type": (
        "请以 multipart/form-data，或以 text/csv、XLSX、application/zip 原文提交文件",
        "Send multipart/form-data, or the file itself as text/csv, XLSX or application/zip",
    ),
}

FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "literal_error": ("不是允许的取值", "is not one of the allowed values"),
}
