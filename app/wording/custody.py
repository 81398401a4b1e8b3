"""What the paper's custody says when something cannot be done."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "place_not_found": ("没有找到该位置", "There is no such place"),
    "place_closed": ("该位置已停用，请刷新查看", "The place is closed already; reload"),
    "place_not_empty": (
        "该位置还有 {held} 份档案，移走后才能停用",
        "{held} dossiers still stand there; move them first",
    ),
    "paper_lent": ("档案 {code} 登记为借出，请先办理归还，再上架", "The dossier is on loan; take it back first"),
    "paper_left": ("档案 {code} 已交寄离馆，不能上架或借出", "The dossier has left the house"),
    "paper_sealed": ("档案已密封，不能借出；确需借阅的，先由两人启封", "The dossier is sealed and is not lent"),
    "paper_on_loan": (
        "纸质档案已借出，尚未归还，不能整理、核对、密封或交寄；请先办理归还",
        "The paper dossier is on loan; take it back before it is assembled, checked, sealed or handed over",
    ),
    "stock_take_not_found": ("没有找到这次清点", "There is no such stock-take"),
    "stock_line_not_found": ("这次清点中没有这一条", "The stock-take has no such line"),
    "stock_take_ended": ("这次清点已结束，请刷新查看结果", "The stock-take has ended; reload"),
    "not_to_be_moved": (
        "只有错位和未登记位置的档案可以移到本处",
        "Only a dossier that stands at another place, or at none, by the record is put here",
    ),
    "nothing_to_undo": (
        "没有可撤销的扫描：您最近的一次已撤销，或档案此后又有变动",
        "There is nothing to undo: the last scan was taken back, or the dossier has moved since",
    ),
    "loan_not_found": ("没有找到这笔借阅", "There is no such loan"),
    "loan_open": ("该档案已有一笔未结束的借阅", "The dossier has an open loan already"),
    "loan_moved": ("这笔借阅已被处理，请刷新查看", "The loan was dealt with meanwhile; reload"),
    "borrower_approves": ("借阅人不能批准本人的借阅", "The borrower may not approve the loan"),
    "no_more_extensions": ("最多续借 {most} 次，请先归还", "A loan is extended {most} times at most; take it back"),
    "not_lent": ("档案 {code} 没有登记为借出，无需归还", "The dossier is not on loan"),
    "flag_settled": ("缺件已处理，请刷新查看", "What was missing is settled already; reload"),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "place_shape": (
        "应为库房加列、节（可再加层、盒）的编号，如 A-03-2-05",
        "is a room and its numbers, like A-03-2-05",
    ),
    "place_range": (
        "须与起始编号同一库房、位数相同，且各级编号不小于起始编号",
        "must be of the same room and depth, and no number below the first's",
    ),
    "too_many_places": ("一次最多登记 1000 个位置，请缩小范围", "names more than 1000 places at once"),
    "unknown_place": ("没有登记这个位置，请先由档案员登记", "is no place on record"),
    "place_closed_since": ("该位置已停用，请换一个位置", "is a place that was closed"),
    "no_dossier_label": (
        "不是档案条码，没有计入；请扫描档案袋上的转递号或档案编码",
        "is not the label of a dossier and was not counted; scan the label",
    ),
    "scan_place_first": ("请先扫描位置条码", "scan the place first"),
    "unknown_dossier": ("不是位置条码，也没有这份档案，请重新扫描", "is neither a place nor a dossier; scan again"),
    "loan_days": ("借期为 1 至 15 个工作日", "takes 1 to 15 working days"),
    "unknown_staff": ("没有这位工作人员，或账号已停用", "is no member of staff in service"),
}
