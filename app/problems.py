"""From the domain's words to HTTP: one table of status and wording, and RFC 9457 problem documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionMissing,
    RateLimited,
    StepUpRequired,
    Tampered,
    TooLarge,
    Unauthenticated,
    Unavailable,
    VersionMismatch,
)
from app.ports import CallbackRejected, LoginCodeRejected, LoginRefusedByPlatform, PhoneProofRejected

STATUS: Mapping[type[DomainError], int] = {
    Invalid: 422,
    NotFound: 404,
    Unauthenticated: 401,
    Forbidden: 403,
    StepUpRequired: 403,
    Conflict: 409,
    VersionMismatch: 412,
    PreconditionMissing: 428,
    RateLimited: 429,
    TooLarge: 413,
    Unavailable: 503,
    Tampered: 500,
    LoginCodeRejected: 422,
    LoginRefusedByPlatform: 403,
    PhoneProofRejected: 422,
    CallbackRejected: 403,
}
STATUS_BY_CODE: Mapping[str, int] = {"idempotency_key_required": 400, "idempotency_key_reused": 422, "malformed": 400}

# code -> (Chinese, English): what happened and what to do. {names} are filled from the error's params.
WORDING: Mapping[str, tuple[str, str]] = {
    "invalid_input": ("提交的内容有误，请按提示修改后重试", "Some fields are wrong; correct the listed ones and retry"),
    "malformed": ("请求格式无法识别，请检查后重试", "The request cannot be parsed; check its format and retry"),
    "unknown_query": ("网址参数有误，请去掉多余的参数", "Unknown or wrong query parameters; remove or correct them"),
    "not_found": ("未找到该内容", "Nothing is found here"),
    "route_not_found": ("没有这个地址，请检查网址", "There is no such address; check the URL"),
    "method_not_allowed": ("该地址不支持此操作", "This address does not support that method"),
    "unsupported_media_type": ("请求的内容类型不受支持", "The content type is not supported here"),
    "graduate_not_found": ("未找到该学号对应的毕业生", "No graduate has this number"),
    "dossier_not_found": ("未找到该档案", "The dossier is not found"),
    "section_not_found": ("没有这个栏目", "There is no such section"),
    "template_not_found": ("没有这个消息模板", "There is no such template"),
    "record_not_found": ("未找到该记录", "The record is not found"),
    "record_not_shown": (
        "该内容依规定不向本人展示，理由见详情",
        "This content is not shown to the graduate; see the ground",
    ),
    "material_not_found": ("未找到该材料", "The material is not found"),
    "material_file_not_shown": ("该材料没有可供下载的内容", "This material has no content you can download"),
    "ticket_not_found": ("未找到该申请", "The ticket is not found"),
    "evidence_not_found": ("未找到该证明材料", "The evidence is not found"),
    "transfer_not_found": ("未找到转递信息", "No transfer is found"),
    "notice_not_found": ("未找到该通知", "The notice is not found"),
    "session_not_found": ("未找到该登录", "The session is not found"),
    "identity_not_found": ("未找到该绑定账号", "The account is not found"),
    "staff_not_found": ("未找到该工作人员", "No such member of staff"),
    "verification_not_found": ("未找到该次核验", "The verification is not found"),
    "claim_expired": ("身份申报已过期，请重新填写", "The claim has expired; make a new one"),
    "file_not_found": ("文件暂时无法读取，请联系档案管理部门", "The file cannot be read; ask the archive office"),
    "data_key_absent": ("该档案的数据已销毁", "The data of this dossier have been erased"),
    "session_required": ("请先登录", "Sign in first"),
    "session_expired": ("登录已过期，请重新登录", "The session has ended; sign in again"),
    "sign_in_refused": ("用户名、密码或动态口令不正确", "User name, password or code is wrong"),
    "forbidden": ("您没有进行此操作的权限", "You may not do this"),
    "role_required": ("您的岗位没有进行此操作的权限，请联系管理员", "Your role may not do this; ask an administrator"),
    "binding_required": ("请先完成身份核验并绑定档案", "Verify your identity and bind your dossier first"),
    "claim_required": ("请先填写学号、身份证号和姓名", "State your student number, ID number and name first"),
    "consent_required": (
        "使用人脸核验前须单独同意；也可选用其他核验方式",
        "Face checks need separate consent; others are open",
    ),
    "factor_not_offered": (
        "当前渠道不能使用该核验方式，请选用其他方式",
        "This factor is not offered here; choose another",
    ),
    "wrong_purpose": ("核验用途与当前状态不符", "The purpose does not fit the session's state"),
    "csrf_failed": ("页面已失效，请刷新后重新提交", "The form has expired; reload the page and submit again"),
    "password_change_required": ("首次登录须先修改密码", "Change the initial password first"),
    "step_up_required": ("查看该内容须再次核验身份", "Verify with a further factor to go on"),
    "conflict": ("当前状态不能进行此操作", "This is not possible in the present state"),
    "busy": ("另一请求正在处理，请稍后再试", "Another request is being handled; retry shortly"),
    "already_bound": ("该账号已绑定档案", "This account is bound already"),
    "changes_held": (
        "新账号绑定后 24 小时内不能提交变更，请稍后再试",
        "Changes are held for 24 hours after a new binding",
    ),
    "dossier_sealed": (
        "档案已密封，不能修改；如需补充请联系档案管理部门",
        "The dossier is sealed and cannot be changed",
    ),
    "dossier_transferred": (
        "档案已转出，由接收单位保管",
        "The dossier has been transferred and is kept by its receiver",
    ),
    "move_not_allowed": ("当前状态（{state}）不能进行此操作", "This step is not possible from the present state"),
    "second_person_required": (
        "须由另一位工作人员复核，您已核准过本次变更",
        "A second person must agree; you already have",
    ),
    "record_changed": ("记录已更新，请刷新后重新提交", "The record has changed; reload and submit again"),
    "record_invalid": ("记录内容不完整或有误", "The record's fields are incomplete or wrong"),
    "record_has_open_ticket": ("该记录已有正在办理的申请", "This record already has an open ticket"),
    "too_many_tickets": ("正在办理的申请过多，请等待办结后再提交", "Too many open tickets; wait for a decision"),
    "too_much_evidence": ("尚未提交的证明材料过多，请先提交申请", "Too many unattached files; open a ticket first"),
    "ticket_changed": ("申请状态已变化，请刷新后重试", "The ticket has changed; reload and retry"),
    "transfer_changed": ("转递状态已变化，请刷新后重试", "The transfer has changed; reload and retry"),
    "transfer_open": ("该档案已有正在进行的转递", "A transfer of this dossier is already under way"),
    "student_exists": ("该学号已存在", "This student number exists already"),
    "own_account": ("不能停用自己的账号", "You cannot close your own account"),
    "username_taken": ("该用户名已被使用", "This user name is taken"),
    "terminal_not_found": ("没有这台终端", "There is no such terminal"),
    "terminal_name_taken": ("该终端名称已被使用", "This terminal name is taken"),
    "totp_enrolled": ("动态口令已启用", "TOTP is enrolled already"),
    "totp_not_enrolled": ("尚未设置动态口令", "TOTP is not enrolled"),
    "code_wrong": ("验证码不正确", "The code is wrong"),
    "verification_state": (
        "该次核验已结束或尚未就绪，请重新发起",
        "This verification is over or not ready; begin anew",
    ),
    "version_mismatch": ("内容已被更新，请刷新后重试", "The resource has changed; reload and retry"),
    "precondition_required": ("请求须带 If-Match 版本标识", "An If-Match header is required"),
    "if_match_malformed": ("If-Match 版本标识格式不正确", "The If-Match header is malformed"),
    "idempotency_key_required": ("请求须带 Idempotency-Key", "An Idempotency-Key header is required"),
    "idempotency_key_malformed": ("Idempotency-Key 格式不正确", "The Idempotency-Key is malformed"),
    "idempotency_key_reused": ("同一 Idempotency-Key 已用于另一请求", "This Idempotency-Key was used for another body"),
    "rate_limited": ("操作过于频繁，请稍后再试", "Too many requests; retry later"),
    "locked_out": ("多次失败，请稍后再试或选用其他核验方式", "Too many failures; wait or choose another factor"),
    "too_large": ("提交的内容过大", "The request is too large"),
    "document_too_large": ("文件过大，请压缩后重新上传", "The file is too large; upload a smaller one"),
    "frame_too_large": ("画面文件过大", "A frame is too large"),
    "clip_too_large": ("拍摄内容过大，请重新拍摄", "The clip is too large; capture again"),
    "clip_unusable": ("拍摄内容与要求的动作不符，请重新拍摄", "The clip does not fit the challenge; capture again"),
    "document_type_refused": (
        "仅支持 JPEG、PNG、TIFF、PDF、OFD 文件",
        "Only JPEG, PNG, TIFF, PDF and OFD files are taken",
    ),
    "document_type_lies": ("文件内容与类型不符", "The file's content does not match its type"),
    "document_unreadable": ("文件已损坏或加密，无法读取", "The file is damaged or encrypted"),
    "document_too_complex": ("文件过于复杂，无法处理", "The file is too complex to process"),
    "login_code_rejected": ("登录凭证无效或已使用，请重新登录", "The login code is invalid or used; get a new one"),
    "login_refused_by_platform": ("平台拒绝了本次登录", "The platform refused this login"),
    "phone_proof_rejected": ("手机号验证凭证无效，请重新获取", "The phone proof is invalid; get a new one"),
    "platform_not_offered": ("不支持该平台登录", "This platform is not offered"),
    "callback_rejected": ("签名校验失败", "The signature does not verify"),
    "callback_signature": ("签名校验失败", "The signature does not verify"),
    "callback_time": ("请求时间超出允许范围", "The time stamp lies outside the window"),
    "callback_query": ("缺少签名参数", "Signature parameters are missing"),
    "callback_not_secure": ("须使用安全模式推送", "Only secure mode is accepted"),
    "callback_envelope": ("加密内容无法打开", "The encrypted envelope does not open"),
    "callback_unreadable": ("推送内容无法解析", "The message cannot be parsed"),
    "callback_too_long": ("推送内容过长", "The message is too long"),
    "callback_app": ("推送不属于本应用", "The message is for another application"),
    "temporarily_unavailable": ("服务暂时不可用，请稍后再试", "Temporarily unavailable; retry later"),
    "database_unavailable": ("服务暂时不可用，请稍后再试", "Temporarily unavailable; retry later"),
    "platform_unavailable": ("平台暂时没有响应，请稍后再试", "The platform does not answer; retry later"),
    "documents_unavailable": ("文件处理暂不可用，请稍后再试", "Files cannot be processed now; retry later"),
    "documents_busy": ("文件处理繁忙，请稍后再试", "File processing is busy; retry later"),
    "file_store_unavailable": ("文件暂时无法存取，请稍后再试", "Files cannot be stored or read now; retry later"),
    "file_name_refused": ("文件名不可用", "The file's name is not usable"),
    "file_exists": ("文件已存在", "The file exists already"),
    "face_unavailable": ("人脸核验暂不可用，请选用其他核验方式", "Face checks are unavailable now; use another factor"),
    "fingerprint_unavailable": ("指纹核验暂不可用，请选用其他核验方式", "Fingerprint checks are unavailable now"),
    "sealed_value_damaged": (
        "数据校验失败，已停止展示，请联系档案管理部门",
        "Stored data failed its check and is not shown",
    ),
    "unknown_consent": ("未知的同意事项", "Unknown consent"),
    "internal_error": ("系统出错，请稍后再试；如持续出现请提供错误编号", "Something broke; quote the request id"),
}

FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "required": ("必填", "is required"),
    "required_for_field": ("该字段用于核验身份，更正须附证明材料", "needs evidence: accounts are verified against it"),
    "required_for_kind": ("该类申请必须填写", "is required for this kind"),
    "required_with_changes": ("提出修改时必须指明记录", "is required with changes"),
    "too_long": ("过长", "is too long"),
    "too_many": ("数量过多", "has too many entries"),
    "too_short": ("过短，至少 12 个字符", "is too short (12 characters at least)"),
    "unchanged": ("与现有内容相同", "equals the present value"),
    "unknown_field": ("没有这个字段", "is not a known field"),
    "invisible_characters": ("含有不可见或改变方向的字符", "has invisible or direction-changing characters"),
    "name_and_id_number_together": ("姓名与身份证号不能同时更正", "name and ID number may not change together"),
    "statutory_field_needs_statutory_kind": (
        "法定身份信息须选择“法定身份信息”类别",
        "a statutory field needs the statutory kind",
    ),
    "evidence_unknown": ("未找到该证明材料", "names unknown evidence"),
    "unknown_reason": ("请选择理由", "is not a known reason"),
    "unknown_document": ("请选择证件种类", "is not a known document kind"),
    "must_be_confirmed": ("须确认已核对证件原件", "must be confirmed"),
    "letters_and_digits_only": ("只能包含字母、数字和连字符", "takes letters, digits and hyphens only"),
    "wrong": ("不正确", "is wrong"),
    "unknown_class": ("没有这个类别", "is not a known class"),
    "extra_forbidden": ("没有这个字段", "is not a known field"),
    "missing": ("必填", "is required"),
    "id_number_length": ("应为 18 位", "must have 18 characters"),
    "id_number_characters": ("含有不允许的字符", "has characters that do not belong"),
    "id_number_check_digit": ("校验码不正确", "has a wrong check digit"),
    "id_number_region": ("地区代码不正确", "has an unknown region code"),
    "id_number_birth_date": ("出生日期不正确", "has an impossible date of birth"),
    "student_number_characters": ("含有不允许的字符", "has characters that do not belong"),
    "phone_format": ("应为 11 位手机号", "must be a mainland mobile number"),
    "name_empty": ("必填", "is required"),
    "name_too_long": ("过长", "is too long"),
    "name_invisible_character": ("含有不可见字符", "has invisible characters"),
    "name_private_use_character": ("含有无法识别的字符", "has private-use characters"),
    "name_wrong_character": ("含有不允许的字符", "has characters that do not belong"),
    "string_type": ("应为文本", "must be text"),
    "string_too_short": ("过短", "is too short"),
    "string_too_long": ("过长", "is too long"),
    "string_pattern_mismatch": ("格式不正确", "has a wrong form"),
    "string_unicode": ("含有无效字符", "has invalid characters"),
    "int_type": ("应为整数", "must be a whole number"),
    "int_parsing": ("应为整数", "must be a whole number"),
    "int_from_float": ("应为整数", "must be a whole number"),
    "bool_type": ("应为 true 或 false", "must be true or false"),
    "bool_parsing": ("应为 true 或 false", "must be true or false"),
    "uuid_type": ("应为 UUID", "must be a UUID"),
    "uuid_parsing": ("应为 UUID", "must be a UUID"),
    "enum": ("不是允许的取值", "is not one of the allowed values"),
    "list_type": ("应为列表", "must be a list"),
    "dict_type": ("应为对象", "must be an object"),
    "model_type": ("应为对象", "must be an object"),
    "greater_than_equal": ("过小", "is too small"),
    "less_than_equal": ("过大", "is too large"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """RFC 9457, plus ``code`` (stable), ``request_id`` and ``errors`` (one per wrong field)."""

    status: int
    code: str
    title: str
    detail: str
    errors: tuple[Mapping[str, str], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def document(self, request_id: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.errors:
            body["errors"] = [dict(e) for e in self.errors]
        return {**body, **self.extra}


def status_of(error: DomainError) -> int:
    if error.code in STATUS_BY_CODE:
        return STATUS_BY_CODE[error.code]
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 422)


def wording(code: str, english: bool, params: Mapping[str, object]) -> str:
    text = WORDING.get(code, WORDING["invalid_input"])[1 if english else 0]
    return text.format_map(_Blank(params))


class _Blank(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return ""


def problem_of(error: DomainError, *, english: bool = False) -> Problem:
    words = wording(error.code, english, error.params)
    errors = tuple(
        {
            "pointer": f.pointer,
            "code": f.code,
            "detail": f.detail or FAULT_WORDS.get(f.code, ("有误", "is wrong"))[1 if english else 0],
        }
        for f in error.faults
    )
    return Problem(status_of(error), error.code, words, words, errors, error.extra)
