"""The catalogue of what the chat says. No text names a person, an address, a number or a place outside."""

from __future__ import annotations

from collections.abc import Mapping

from notifications.chat.intents import Intent

TEXTS_VERSION = "2026-1"
MAX_BYTES = 2048
"""Of one WeChat text message in UTF-8."""

TO_HUMAN = "需要人工帮助，请回复“转人工”。"
OPEN_APP = "本人的具体内容请打开小程序查看。"

GREETING = (
    "您好，这里是毕业生档案服务。"
    "您可以问：我的档案到哪了、更正申请办得怎么样、还缺什么材料、怎么更正、怎么改去向、怎么绑定账号。"
)
HOW_TO: Mapping[Intent, str] = {
    Intent.CORRECT: (
        "更正档案信息：打开小程序“更正申请”，选择有误的记录，写明正确内容，并上传证明材料（如身份证件、学籍材料的照片）。"
        "提交后可在同一页面查看进度，也可撤回。对结果不认可的，可在小程序申请复核，由未参与原决定的工作人员办理。"
    ),
    Intent.DESTINATION: (
        "登记或修改档案去向：打开小程序“档案转递”，填写接收单位；有调档函的，请上传调档函。升学、就业、转回户籍地都在这里办理。"
        "已绑定的账号修改地址后，新地址 24 小时后生效；档案已经寄出的，请联系人工办理改寄。"
    ),
    Intent.BIND: (
        "绑定账号：打开小程序，填写学号、姓名和证件号码，再用人脸核身、激活码或到柜台核验中的一种方式证明是本人。"
        "不方便刷脸的，可向学校档案管理部门领取一次性激活码。微信和支付宝可以各绑定一个账号。"
    ),
    Intent.UNBIND: (
        "解除或更换绑定：打开小程序“账号管理”，可解除旧账号，再用新账号重新绑定；更换手机号也在这里办理。"
        "手机遗失，或者不是您本人绑定的，请尽快联系学校档案管理部门，核验证件后可解除全部账号。"
    ),
    Intent.IDENTITY: (
        "身份核验有几种方式，任选一种：人脸核身、激活码、到柜台核验证件；查看档案内容还可用手机号或动态口令。"
        "刷脸不成功或不愿意刷脸的，请选择其他方式，办理结果一样。没有居民身份证的，请持有效证件到柜台核验。"
    ),
    Intent.DEADLINES: (
        "期限：更正申请和去向登记的办理期限以小程序页面显示的日期为准；档案寄出后，接收单位一般应在一个月内退回回执。"
        "已过期限的，仍可提交，也可以联系人工说明情况。"
    ),
    Intent.FEES: (
        "费用：办理更正、转递和保管档案，以学校公布的规定为准。学校不会在聊天、短信或电话里要求您转账付款；"
        "遇到以档案名义收费的，请不要付款，并联系学校档案管理部门核实。"
    ),
    Intent.CHANNELS: (
        "档案不能由个人自带或代取，只经机要通信、接收单位专人或 EMS 标准快递转递。"
        "机要通信是专门递送重要文件的邮路，没有公开的物流查询，"
        "以小程序里的进度和接收单位的回执为准。收到密封的档案袋请勿拆开，交给接收单位。"
    ),
}
FIXED: Mapping[Intent, str] = {
    **HOW_TO,
    Intent.GREETING: GREETING,
    Intent.THANKS: "不客气。还有问题，可以随时问我。",
    Intent.NO_LOOKUP: "好的，没有查询任何内容。还有其他问题，可以随时问我。",
    Intent.OTHERS: (
        "为保护个人信息，这里只答复本人的档案事项，不能查询他人的。请本人用自己绑定的账号咨询；"
        "单位因公查询请与学校档案管理部门联系。"
    ),
    Intent.UNKNOWN: "抱歉，没有听懂您的问题。您可以问：我的档案到哪了、更正申请进度、还缺什么材料、怎么改去向。",
}
NOT_BOUND = (
    "这个账号还没有绑定档案，暂时不能答复本人的档案事项。"
    "请打开小程序完成绑定：填写学号、姓名和证件号码，再证明是本人即可。"
)
NOT_NOW = "暂时查不到您的办理情况，请稍后再问，或打开小程序查看。"
MEDIA = "这里暂时只能看懂文字，请用文字说明您的问题。证明材料请在小程序里上传，不要发在聊天中。"
TOO_LONG = "内容较长，自动答复看不完。已转人工，请等待工作人员答复。"
WAITING_ON_DUTY = "已为您转接人工，请稍候，工作人员会在这里答复您。请勿发送证件号码等个人信息。"
WAITING_OFF_DUTY = (
    "现在不是人工服务时间（工作日 {opens}–{closes}）。您的留言已排队，{when} 起由工作人员答复，请留意消息。"
)
ENDED = "本次人工咨询已结束。"
UNREADABLE = "（内容已无法读取：密钥已随档案信息销毁）"

TRANSFER_STATE = "您的档案转递：{state}（{day} 更新）。下一步：{next}。"
TRANSFER_LATE = "这一步已超过预定日期，学校正在跟进。"
TRANSFER_NONE = "您的档案还没有办理转递。{paper}"
TICKETS_NONE = "您没有办理中的更正申请。"
TICKETS_OPEN = "您有 {count} 件更正申请办理中，最近一件：{state}，预计 {day} 前办结。"
TICKET_LAST = "您没有办理中的更正申请，最近一件：{state}。"
MATERIALS_DONE = "按现行清单，您的档案材料已齐。"
MATERIALS_MISSING = "您的档案还缺 {count} 项材料，其中需要您本人提交的有 {own} 项。"
MATERIALS_LIST = "清单和提交方式请打开小程序“档案完整性”查看。"


def fitted(*parts: str) -> str:
    """One message out of sentences, always with the way to a person at its end, within MAX_BYTES."""
    text = "\n".join(p for p in (*parts, TO_HUMAN) if p)
    if len(text.encode()) > MAX_BYTES:
        raise ValueError("a text of the chat is too long for one message")
    return text
