"""What names and numbers of people look like: normal forms, faults and masks. Pure; today's date is an argument.

Fault functions take the normal form and return one stable code, or None. Normal forms keep what is wrong wrong: only
a fault function says so, so that nothing is repaired into another person's number.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from app.text_rules import HAN, is_variation_selector

# GB/T 2260 province level. 83 is no region code: it stands on the residence permits of people from Taiwan, which use
# the same 18 digits as identity cards (81 and 82 likewise for Hong Kong and Macao).
PROVINCES = {
    "11": "北京市", "12": "天津市", "13": "河北省", "14": "山西省", "15": "内蒙古自治区",
    "21": "辽宁省", "22": "吉林省", "23": "黑龙江省",
    "31": "上海市", "32": "江苏省", "33": "浙江省", "34": "安徽省", "35": "福建省", "36": "江西省", "37": "山东省",
    "41": "河南省", "42": "湖北省", "43": "湖南省", "44": "广东省", "45": "广西壮族自治区", "46": "海南省",
    "50": "重庆市", "51": "四川省", "52": "贵州省", "53": "云南省", "54": "西藏自治区",
    "61": "陕西省", "62": "甘肃省", "63": "青海省", "64": "宁夏回族自治区", "65": "新疆维吾尔自治区",
    "71": "台湾省", "81": "香港特别行政区", "82": "澳门特别行政区",
}  # fmt: skip
_PERMIT_PREFIXES = {"83"}
_OLDEST_YEARS = 120

_COMPOUND = (
    "欧阳上官司马诸葛东方皇甫尉迟公孙慕容长孙宇文司徒司空令狐夏侯南宫轩辕"
    "呼延端木独孤拓跋纳兰申屠钟离澹台赫连闻人万俟百里西门"
)
COMPOUND_SURNAMES = frozenset(_COMPOUND[i : i + 2] for i in range(0, len(_COMPOUND), 2))
MIDDLE_DOT = "\u00b7"
_DOTS = dict.fromkeys(map(ord, "\u2022\u2024\u2027\u2219\u22c5\u2e31\u30fb\uff65\ua78f\u0387\u16eb\u2e33"), MIDDLE_DOT)
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]"
)
_HAN_CHARACTER = re.compile(f"[{HAN}]")
_SPACE_BESIDE_HAN = re.compile(rf"(?<=[{HAN}]) (?=[{HAN}])")
_FULL_STOP_BETWEEN_HAN = re.compile(rf"(?<=[{HAN}])[.\uff0e](?=[{HAN}])")
_NAME_MARKS = {MIDDLE_DOT, " ", "-", "'", "\u2019", "."}
_NAME_MAX = 50


# --- identity numbers (GB 11643-1999) --------------------------------------------------------------------------------


def normalise_id_number(text: str) -> str:
    """Half-width, upper-case, without spaces, hyphens and characters nobody sees."""
    return _bare(text).upper()


def id_check_digit(first17: str) -> str:
    """ISO 7064 MOD 11-2 over seventeen digits: '0' to '9' or 'X'."""
    total = 0
    for digit in first17:
        total = (total + int(digit)) * 2 % 11
    return "0123456789X"[(12 - total) % 11]


def id_number_fault(text: str, today: date) -> str | None:
    """id_number_length, id_number_characters, id_number_check_digit, id_number_region or id_number_birth_date.

    A person's other documents (passport, the 18-digit card of foreign permanent residents) are not judged here.
    """
    if len(text) != 18:
        return "id_number_length"
    if not re.fullmatch(r"[0-9]{17}[0-9X]", text):
        return "id_number_characters"
    if id_check_digit(text[:17]) != text[17]:
        return "id_number_check_digit"
    if text[:2] not in PROVINCES and text[:2] not in _PERMIT_PREFIXES:
        return "id_number_region"
    born = id_number_birth_date(text)
    if born is None or born > today or born.year < today.year - _OLDEST_YEARS:
        return "id_number_birth_date"
    return None


def id_number_birth_date(text: str) -> date | None:
    """The date inside an 18-digit number; None when there is no such day."""
    try:
        return date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return None


def id_number_is_male(text: str) -> bool:
    """The seventeenth digit is odd for men."""
    return text[16] in "13579"


def region_code_fault(text: str) -> str | None:
    """region_code_characters unless six digits, region_code_province unless GB/T 2260 has that province."""
    if not re.fullmatch(r"[0-9]{6}", text):
        return "region_code_characters"
    return None if text[:2] in PROVINCES else "region_code_province"


# --- student numbers and phones --------------------------------------------------------------------------------------


def normalise_student_number(text: str) -> str:
    """Half-width, upper-case, without spaces and characters nobody sees; hyphens are part of it."""
    return re.sub(r"\s", "", _visible(text)).upper()


def student_number_fault(text: str) -> str | None:
    """student_number_characters unless 4 to 24 of A-Z, 0-9 and inner hyphens."""
    return None if re.fullmatch(r"[0-9A-Z][0-9A-Z-]{2,22}[0-9A-Z]", text) else "student_number_characters"


def normalise_phone(text: str) -> str:
    """Digits of a mainland mobile number without country code; anything else keeps its leading + or its digits."""
    bare = re.sub(r"[().]", "", _bare(text))
    return re.sub(r"\A(?:\+86|0086|86)(?=1[0-9]{10}\Z)", "", bare)


def phone_fault(text: str) -> str | None:
    """phone_format unless a mainland mobile number in normal form."""
    return None if re.fullmatch(r"1[3-9][0-9]{9}", text) else "phone_format"


# --- names -----------------------------------------------------------------------------------------------------------


def normalise_name(text: str) -> str:
    """NFC; full-width Latin and spaces half-width; one space where there were several, none between Chinese characters;
    every kind of middle dot as U+00B7, the one on identity cards. Characters nobody sees stay, as a fault.
    """
    narrow = unicodedata.normalize("NFC", "".join(map(_half_width, text)))
    spaced = re.sub(r"\s+", " ", narrow).strip()
    dotted = re.sub(rf" ?{MIDDLE_DOT} ?", MIDDLE_DOT, spaced.translate(_DOTS))
    return _FULL_STOP_BETWEEN_HAN.sub(MIDDLE_DOT, _SPACE_BESIDE_HAN.sub("", dotted))


def name_fault(text: str) -> str | None:
    """name_empty, name_too_long, name_invisible_character, name_private_use_character or name_wrong_character.

    Private-use code points are how old systems stored rare characters; they need their real code point.
    """
    if not text:
        return "name_empty"
    if len(text) > _NAME_MAX:
        return "name_too_long"
    faults = {_character_fault(c) for c in text} - {None}
    for code in ("name_invisible_character", "name_private_use_character", "name_wrong_character"):
        if code in faults:
            return code
    edges = {text[0], text[-1]}
    return "name_wrong_character" if edges & (_NAME_MARKS - {"."}) or text[0] == "." else None


def _character_fault(character: str) -> str | None:
    category = unicodedata.category(character)
    if _INVISIBLE.match(character) or category in ("Cc", "Cf", "Zl", "Zp") or is_variation_selector(character):
        return "name_invisible_character"
    if category in ("Co", "Cs"):
        return "name_private_use_character"
    if category == "Cn":  # Unicode grows faster than Python: ideographs for rare names come with every version
        return None if _HAN_CHARACTER.match(character) else "name_wrong_character"
    return None if category[0] in "LM" or character in _NAME_MARKS or character == "〇" else "name_wrong_character"


# --- masks -----------------------------------------------------------------------------------------------------------


def mask_name(text: str) -> str:
    """张三 → 张*, 欧阳修 → 欧阳*, 阿依古丽·买买提 → 阿***·***, Anna Smith → A*** S***."""
    if MIDDLE_DOT in text:
        first, *others = text.split(MIDDLE_DOT)
        return MIDDLE_DOT.join([_keep(first, 1), *("*" * len(other) for other in others)])
    if " " in text or text.isascii():
        return " ".join(f"{word[:1]}***" for word in text.split())
    return _keep(text, 2 if len(text) > 2 and text[:2] in COMPOUND_SURNAMES else 1)


def mask_id_number(text: str) -> str:
    """First three and last two of eighteen; of anything else only the length."""
    return f"{text[:3]}{'*' * 13}{text[-2:]}" if len(text) == 18 else "*" * len(text)


def mask_phone(text: str) -> str:
    """138****5678; of anything but eleven characters only the length."""
    return f"{text[:3]}****{text[-4:]}" if len(text) == 11 else "*" * len(text)


def mask_student_number(text: str) -> str:
    """The first four (usually the year of entry) and the last two; short ones keep the first only."""
    return f"{text[:4]}{'*' * (len(text) - 6)}{text[-2:]}" if len(text) >= 8 else _keep(text, 1)


def _keep(text: str, shown: int) -> str:
    return text[:shown] + "*" * (len(text) - shown)


# --- characters ------------------------------------------------------------------------------------------------------


def _half_width(character: str) -> str:
    if character == "\u3000":
        return " "
    return chr(ord(character) - 0xFEE0) if "\uff01" <= character <= "\uff5e" else character


def _visible(text: str) -> str:
    return _INVISIBLE.sub("", "".join(_half_width(c) for c in text))


def _bare(text: str) -> str:
    """For numbers: visible, without spaces and any dash."""
    return re.sub(r"[\s\u2010-\u2015\u2212-]", "", _visible(text))
