"""The words of the electronic leg: packages to receivers, what they say of them."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "electronic_not_yet": (
        "纸质档案密封之后才能发送电子档案包",
        "The electronic package may be sent only after the paper dossier is sealed",
    ),
    "electronic_under_way": ("该转递已有电子档案包在办理中", "An electronic package is under way already"),
    "electronic_move": (
        "电子档案包当前状态“{state}”不允许此操作",
        "The package's state ({state}) does not allow this",
    ),
    "receiver_takes_no_packages": (
        "接收单位没有登记加密公钥，只能转递纸质档案",
        "The receiver has no public key on record and takes paper only",
    ),
    "recipient_refused": (
        "接收单位登记的公钥不可用，请与接收单位核对",
        "The receiver's public key cannot be used",
    ),
    "hand_over_check_failed": (
        "移交环节的四性检测未通过，请在“检测”页查看并处理",
        "The four-property check at hand-over failed",
    ),
    "manifest_absent": ("转递目录尚未固化", "The transfer's catalogue is not frozen"),
    "manifest_outdated": (
        "转递目录固化后档案有变动，请重新固化目录",
        "The dossier has changed since its catalogue was frozen",
    ),
    "package_not_found": ("没有这个电子档案包", "There is no such package"),
    "package_closed": (
        "该电子档案包已办结、撤回或退回，不再接受此操作",
        "The package has ended, was withdrawn or rejected and takes no more messages",
    ),
    "receiver_not_entitled": (
        "按名录登记，贵单位今日不能接收这份档案，不予取件；请与学校联系",
        "By the registry your office may not receive this dossier today; ask the school",
    ),
    "receiver_changed": (
        "该转递的接收单位已变更，这个电子档案包不再发给原接收单位；原接收单位请与学校联系",
        "The transfer goes to another receiver by now; the former one gets this package no more and asks the school",
    ),
    "package_digest_mismatch": (
        "收到的文件与提交的不一致，请重新下载",
        "What was received is not what was submitted; download it again",
    ),
    "package_not_opened": (
        "包内清单摘要不符，请解密并校验后再报告检测结果",
        "The digest of the manifest inside is wrong: open and verify the package first",
    ),
    "check_said_otherwise": ("已报告过不同的检测结果", "Another check result has been reported already"),
    "check_not_passed": ("检测未通过的档案包只能退回", "A package that failed its check can only be rejected"),
    "manifest_mismatch": (
        "转递清单摘要与本次转递不一致",
        "The manifest digest is not that of this transfer",
    ),
    "receipt_given": ("该档案包已有另一份电子回执", "Another receipt has been given for this package"),
    "receipt_signature": (
        "电子回执的签名无效：须用本单位登记的密钥签名",
        "The receipt's signature does not hold for the key on record",
    ),
    "receiver_code_required": (
        "接收档案的系统须绑定一个接收单位代码",
        "A client that receives dossiers must be bound to one receiver code",
    ),
    "receipt_key_refused": ("回执公钥无法解读", "The receipt key cannot be read"),
    "range_not_satisfiable": ("请求的字节范围超出文件", "The range asked for lies outside the file"),
    "push_unreachable": (
        "推送未能送达接收单位，系统稍后重试；接收单位也可自行下载",
        "The receiver could not be reached; it is tried again, and the receiver may fetch the package itself",
    ),
    "receiver_unreachable": ("接收单位没有应答", "The receiver does not answer"),
    "push_not_wanted": (
        "这个电子档案包没有推送失败，无需再次推送",
        "No push of this package has failed; there is nothing to push again",
    ),
    "push_target_refused": (
        "接收单位的推送地址不被允许（须为公网 HTTPS 地址）",
        "The receiver's push address is not allowed: public HTTPS only",
    ),
}
