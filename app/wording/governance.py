"""The words of governance."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "rule_not_found": ("未找到该制度", "The rule is not found"),
    "rule_exists": ("该代码的制度已存在", "A rule with this code exists"),
    "rule_changed": ("制度草稿已被他人修改，请核对后重新提交", "The draft has changed; reload and retry"),
    "no_draft": ("没有可发布的草稿", "There is no draft to publish"),
    "campaign_not_found": ("未找到该次审查", "The review is not found"),
    "item_not_found": ("未找到该检查项", "The review item is not found"),
    "finding_not_found": ("未找到该问题", "The finding is not found"),
    "nothing_to_review": ("该范围内没有档案可抽查", "No dossier is in this scope"),
    "review_changed": ("审查状态已变化，请刷新后重试", "The review has changed; reload and retry"),
    "handled_by_you": ("您经手过这份档案，须由他人检查", "You have handled this dossier; somebody else must check it"),
    "own_mending": ("整改须由另一人确认", "Somebody else must confirm the mending"),
    "signed_by_checker": ("报告须由未参加检查的人签发", "The report must be signed by somebody who checked nothing"),
    "course_not_found": ("未找到该课程", "The course is not found"),
    "course_retired": ("该课程已停开", "The course is no longer offered"),
    "certificate_not_found": ("未找到该证书", "The certificate is not found"),
    "own_certificate": ("不能为自己发证或撤销自己的证书", "Nobody certifies themself"),
    "role_not_conditional": (
        "管理员岗位不设持证条件，以免无人能够发证",
        "The administrator's role cannot be made conditional",
    ),
    "duty_not_found": ("未找到该职责", "The duty is not found"),
    "same_person_twice": ("主责与替岗不能是同一人", "Holder and stand-in must be two persons"),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "not_a_date": ("应为日期", "must be a date"),
    "number_out_of_range": ("数值超出范围", "is out of range"),
    "unknown_topic": ("没有这个环节", "is not a known place of work"),
    "unknown_colleague": ("请选择在岗且具有该岗位的工作人员", "is not a serving colleague with this role"),
    "before_start": ("不能早于开始日期", "must not be before the start"),
    "in_the_future": ("不能晚于今天", "must not be in the future"),
}
