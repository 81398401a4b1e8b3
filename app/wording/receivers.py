"""The words of the registry of receivers and of the rules of channels."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "receiver_not_found": ("未找到该接收单位", "The receiver is not found"),
    "receiver_not_authorised": (
        "{on} 该单位不能接收档案：{reason}",
        "On {on} this body may not receive dossiers",
    ),
    "receiver_exists": ("代码 {code} 已登记，请在原登记上变更", "The code {code} is on record; change that entry"),
    "receiver_changed": ("登记已被他人变更，请核对后重新提交", "The entry has changed; reload and retry"),
    "receiver_closed": ("该单位自 {on} 起已不接收档案", "This body receives no dossiers since {on}"),
    "receivers_changed": (
        "预检之后登记有变化或文件不同，没有导入，请重新预检",
        "The registry or the file has changed since the trial; nothing was imported",
    ),
    "receiver_list_unusable": ("名录文件无法使用", "The list cannot be used"),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "credit_code_wrong": (
        "统一社会信用代码不正确：应为 18 位且校验码相符",
        "is no unified social credit code (18 characters with a check digit)",
    ),
    "credit_code_private": (
        "个体工商户、农民专业合作社不能接收档案",
        "individual businesses and cooperatives may not receive dossiers",
    ),
    "credit_code_company": (
        "企业不能接收档案；有人事管理权限的国有企业须按国有单位登记并写明管理权限文件",
        "companies may not receive dossiers, save state enterprises with personnel authority on record",
    ),
    "credit_code_kind": ("统一社会信用代码与单位类型不符", "does not belong to this kind of body"),
    "authority_missing": ("须写明授权或管理权限文件", "the document of its authority must be named"),
    "persons_number": ("不能登记手机号或身份证号，请填写办公电话、办公地址", "personal numbers may not be recorded"),
    "phone_wrong": ("应为带区号的办公电话，如 010-12345678", "must be an office telephone with its area code"),
    "postal_code_wrong": ("邮政编码应为 6 位数字", "must be six digits"),
    "region_code_characters": ("行政区划代码应为 6 位数字", "must be six digits"),
    "region_code_province": ("行政区划代码的省份不存在", "names no province"),
    "ends_before_it_begins": ("须晚于有效期起", "must be after the first day"),
    "before_it_begins": ("不能早于有效期起", "must not be before the first day"),
    "public_key_wrong": ("应为 age 公钥（age1 开头，共 62 位）", "must be an age recipient (age1...)"),
    "push_url_wrong": (
        "应为 https 网址，用域名，不含用户名、参数",
        "must be an https address by name, without user or query",
    ),
    "receiver_code_characters": (
        "代码应为 2 至 30 位大写字母、数字或连字符",
        "must be 2 to 30 capital letters, digits or hyphens",
    ),
    "receiver_kind_unknown": (
        "类型应为公共就业和人才服务机构、省级授权单位、国有单位或招生学校；个人和普通企业不能登记",
        "is none of the four kinds of receivers",
    ),
    "code_twice": ("代码在文件中出现多次", "stands in the file more than once"),
    "too_many_cells": ("单元格比列多，请检查多余的逗号", "has more cells than there are columns"),
}
