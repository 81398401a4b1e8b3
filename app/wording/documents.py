"""The words for files that cannot be taken and stores that do not answer."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "document_encrypted": (
        "文件设有打开密码或权限密码，无法归档；请解除密码后重新上传",
        "The file is protected by a password (to open or to edit); remove it and upload again",
    ),
    "document_signed_active": (
        "文件带有数字签名，但同时含有脚本、附件或签名后的改动，清理会破坏签名；请向出具单位索取不含这些内容的文件，或上传打印件的扫描件",
        "The file is signed but also holds scripts, attachments or changes made after signing; cleaning it would break"
        " the signature. Ask the issuer for a plain one, or upload a scan of the print",
    ),
}
