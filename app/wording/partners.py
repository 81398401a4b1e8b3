"""The words of the partner door: credentials, scopes, bodies."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "credential_required": (
        "请在 Authorization 头中提供接入凭证（Bearer），或对请求签名（RFC 9421）",
        "Send the client's credential as a bearer token, or sign the request (RFC 9421)",
    ),
    "credential_refused": ("接入凭证无效或已停用", "The credential is unknown or disabled"),
    "signature_malformed": (
        "请求签名无法识别：请按 RFC 9421 提供一个 Signature-Input 和一个 Signature",
        "The signature cannot be read: send one Signature-Input and one Signature as of RFC 9421",
    ),
    "signature_missing_component": (
        "请求签名没有覆盖必需的部分：{components}",
        "The signature does not cover what it has to: {components}",
    ),
    "signature_expired": (
        "请求签名已过期，或签名时间与服务器相差超过 5 分钟：请校准时钟后重新签名",
        "The signature is more than 5 minutes off, or past its expiry: set the clock and sign anew",
    ),
    "signature_wrong": (
        "请求签名与请求内容不符：请核对密钥、请求方法、地址和所签的请求头",
        "The signature does not fit the request: check the key, method, address and signed headers",
    ),
    "signature_replayed": (
        "这个签名已经使用过：请换一个 nonce 重新签名",
        "This signature was used before: sign anew with another nonce",
    ),
    "digest_unreadable": (
        "Content-Digest 无法识别：请按 RFC 9530 提供 sha-256 或 sha-512",
        "The Content-Digest cannot be read: send sha-256 or sha-512 as of RFC 9530",
    ),
    "digest_mismatch": ("请求正文与 Content-Digest 不符", "The body is not the one of the Content-Digest"),
    "nonces_unavailable": (
        "暂时无法核对签名是否重复使用，请稍后重新签名发送",
        "Replays cannot be told apart at the moment; sign anew later",
    ),
    "machine_key_not_found": ("没有这把密钥", "There is no such key"),
    "machine_key_refused": (
        "需要一把未登记过的 Ed25519 公钥（PEM 或 JWK）；私钥请勿提交；HMAC 密钥由系统生成",
        "An Ed25519 public key that is not registered yet is wanted (PEM or JWK), never a private one;"
        " HMAC secrets are made here",
    ),
    "machine_key_scopeless": (
        "这把密钥没有可用的权限：请核对接入系统的权限后重新登记",
        "The key would have no scope: look at the client's scopes and add a key anew",
    ),
    "machine_key_limit": ("每分钟请求数应在 1 至 600 之间", "The limit is 1 to 600 requests a minute"),
    "machine_key_expiry": ("密钥的失效时间须晚于现在和生效时间", "The expiry must lie ahead, and after the beginning"),
    "too_many_machine_keys": (
        "该接入系统的密钥已达 20 把，请先吊销不用的",
        "This client has 20 keys: revoke some first",
    ),
    "notice_recipient": (
        "请用学号或编号之一指明一位毕业生",
        "Name one graduate, by student number or by id",
    ),
    "sandbox_scope": (
        "测试接入系统只能取得 dossiers:push 和 notices:send 权限",
        "A client of the sandbox may have dossiers:push and notices:send only",
    ),
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
    "date_past": ("已经过去", "has passed"),
    "date_far": ("距今不能超过一年", "is more than a year ahead"),
    "literal_error": ("不是允许的取值", "is not one of the allowed values"),
}
