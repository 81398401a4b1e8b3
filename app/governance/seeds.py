"""The rules an office begins with: one text for each of the four systems, to be adapted by the school.

They put into words what this software already does; what differs by school or province is marked （由学校填写）.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.governance.rules import System, Topic


@dataclass(frozen=True, slots=True)
class SeedRule:
    code: str
    system: System
    title: str
    topics: Sequence[Topic]
    body: str = field(repr=False)


SEED_RULES: Sequence[SeedRule] = (
    SeedRule(
        "filing",
        System.FILING,
        "电子档案归档制度",
        (Topic.IMPORT, Topic.MATERIALS, Topic.CORRECTIONS, Topic.TRANSFERS, Topic.RETRIEVAL),
        """## 归档范围与时间
- 毕业生登记表、成绩单、毕业论文评定书、学籍与奖惩材料、党团材料等应归档。
- 形成部门须在材料形成后 **30 日内**移交（期限由学校填写）。
- 一届毕业生的基本信息由学籍管理部门提供，经批量导入建档；逐行检查，不合格的行退回更正后再导入。

## 材料要求
- 只收原件；签名、印章、日期齐全，姓名、出生日期、入党时间等在各材料之间一致。
- 扫描按《纸质档案数字化规范》（DA/T 31-2017）：彩色或灰度，分辨率不低于 200 dpi，逐页核对，不得缺页、错页、倒置。
- 文件格式限 PDF、JPEG、PNG、TIFF、OFD；加密、带宏、带脚本的文件退回重新提供。

## 更正与补充
- 归档后不得覆盖原内容。更正须有依据，生成新版本，旧版本保留可查。
- 姓名、身份证号、出生日期、性别、民族等法定信息的更正须有权机关证明，并由**两人**分别同意。

## 查阅与转递
- 工作人员打开档案内容须因工作需要，并写明目的；每次打开均有记录，毕业生本人可查。
- 档案不得由本人或他人自带；只通过机要通信、单位专人或 EMS 标准快递转递。寄出不等于收到，以收件单位签回的回执为准。
""",
    ),
    SeedRule(
        "review",
        System.REVIEW,
        "档案定期审查制度",
        (Topic.REVIEWS,),
        """## 周期
- 每学期至少一次抽查；每届毕业生离校前须抽查一次（次数由学校填写）。

## 抽样
- 由系统按学院分层随机抽取；随机种子写入记录，任何人都可以重新抽取核对，不得人为挑选。
- 抽样比例不低于该范围档案数的 **3%**，且每个学院至少一份。

## 检查
- 检查人不得是经手过该份档案的人（归档、补充材料、办理更正、办理转递）。
- 逐份核对：材料是否齐全、扫描是否清晰完整、归类与目录是否正确、各材料之间是否一致、有无混入他人材料。
- 发现问题须写明类别和情况，指定整改责任人和期限。

## 整改与签发
- 整改由责任人登记，由检查人一方确认销号；确认人不得是整改人本人。
- 全部检查完毕、问题全部销号后，由**未参加检查的另一人**签发报告。报告签发后冻结，不得修改。
""",
    ),
    SeedRule(
        "training",
        System.TRAINING,
        "工作人员考核与培训制度",
        (Topic.TRAINING,),
        """## 上岗条件
- 从事归档、复核、转递工作的人员，须完成本岗位的培训并取得证书后上岗。
- 证书到期前 30 日系统提示本人和管理员；到期未续的，相应岗位权限自动停止，续证后自动恢复。

## 培训内容
- 《档案法》《个人信息保护法》有关规定，保密纪律，电信诈骗防范。
- 本系统的操作、材料规范、转递规则、突发情况的处置。

## 考核
- 每年至少考核一次，由管理员登记结果；任何人不得为自己发证。
- 违反保密规定或自行更改、外传档案内容的，撤销证书并按学校规定处理。
""",
    ),
    SeedRule(
        "responsibility",
        System.RESPONSIBILITY,
        "岗位责任制度",
        (Topic.DUTIES, Topic.TRANSFERS),
        """## 责任到人
- 每项工作设一名**主责**和一名**替岗**，登记在岗位责任表；主责离岗时由替岗承担。
- 人员变动须在变动当日更新责任表；历史记录保留。

## 各岗位职责
- 档案员：归档、受理更正、整理与密封档案、维护制度。
- 复核员：复核更正、定期审查。
- 转递员：交寄、跟踪、催收回执；寄出满一个月未收到回执的，须书面催办。
- 审计员：查看记录与统计，监督检查，不办理业务。
- 管理员：管理账号、培训与证书，不查阅档案。

## 交接
- 离岗须当面交接在办事项，停用账号；密封章、机要登记簿等实物清点后签字移交。
""",
    ),
)
