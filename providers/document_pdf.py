"""PDF without anything that acts: scripts, launches, forms that send, links, attachments, rich media.

Rewriting a file breaks the digital signatures in it. A signed file that holds nothing active is therefore kept byte for
byte; one that does is refused in words, because neither half of it could be kept.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Set
from functools import partial

import pikepdf

from providers.document_child import Cleaned, Refused
from providers.document_pdf_bounds import check_bounds, check_signed, containers, is_signed
from providers.document_pdf_look import look

_SAFE_ACTIONS = {"/GoTo"}
_SAFE_NAMED = {"/NextPage", "/PrevPage", "/FirstPage", "/LastPage"}
_ACTION_KEYS = {"/A", "/PA", "/Next", "/OpenAction"}
# Recognised as actions under any key: a viewer may follow a reference that our key list does not know.
_UNSAFE_ACTIONS = {
    "/GoTo3DView", "/GoToDp", "/GoToE", "/GoToR", "/Hide", "/ImportData", "/JavaScript", "/Launch", "/Movie", "/Named",
    "/Rendition", "/ResetForm", "/RichMediaExecute", "/SetOCGState", "/Sound", "/SubmitForm", "/Thread", "/Trans",
    "/URI",
}  # fmt: skip
_ROOT_KEYS = ("/OpenAction", "/AA", "/URI", "/Collection", "/AF", "/Requirements", "/SpiderInfo", "/Legal")
_NAME_TREES = ("/JavaScript", "/EmbeddedFiles", "/URLS", "/Renditions", "/IDS", "/AlternatePresentations")
_ACTIVE_ANNOTATIONS = {"/FileAttachment", "/RichMedia", "/Movie", "/Sound", "/Screen", "/3D"}


def clean_pdf(data: bytes, _media_type: str) -> Cleaned:
    """Raises Refused. Damaged files are not repaired: a silent repair may lose pages of evidence."""
    try:
        pdf = pikepdf.open(io.BytesIO(data), attempt_recovery=False)
    except pikepdf.PasswordError:
        raise Refused("document_encrypted", "encrypted") from None
    with pdf:
        check_bounds(pdf)
        pages, signed = len(pdf.pages), is_signed(pdf)
        removed = _clean(pdf, keep_links=signed)
        if signed:
            if removed:
                raise Refused("document_signed_active", "signed_active")
            check_signed(pdf, data)
            return Cleaned(data, pages, partial(look, data), as_received=True)
        out = io.BytesIO()
        pdf.save(out, stream_decode_level=pikepdf.StreamDecodeLevel.none, linearize=False, deterministic_id=True)
    del pdf, data
    body = out.getvalue()
    return Cleaned(body, pages, partial(look, body))


def _clean(pdf: pikepdf.Pdf, *, keep_links: bool) -> int:
    """How many things were removed. ``keep_links``: a web address in a signed file waits for a click and may stay."""
    removed = _clean_root(pdf.Root, keep_links=keep_links)
    for page in pdf.pages:
        removed += _clean_page(page.obj)
    unsafe = _UNSAFE_ACTIONS - {"/URI"} if keep_links else _UNSAFE_ACTIONS
    for holder in pdf.objects:
        for container in containers(holder):
            removed += _drop_actions(container, unsafe)
    return removed


def _clean_root(root: pikepdf.Object, *, keep_links: bool) -> int:
    harmless = {"/URI"} | ({"/OpenAction"} if _only_shows(root.get("/OpenAction")) else set())
    removed = _drop_keys(root, [key for key in _ROOT_KEYS if not (keep_links and key in harmless)])
    if isinstance(root.get("/Names"), pikepdf.Dictionary):
        removed += _drop_keys(root.Names, _NAME_TREES)
    if isinstance(root.get("/AcroForm"), pikepdf.Dictionary):
        removed += _drop_keys(root.AcroForm, ("/XFA",))
    return removed


def _only_shows(opening: object) -> bool:
    """A place in the document, to be shown when it opens; as signers' programs like to leave it."""
    if isinstance(opening, pikepdf.Dictionary):
        return str(opening.get("/S")) in _SAFE_ACTIONS and "/Next" not in opening
    return isinstance(opening, pikepdf.Array)


def _clean_page(page: pikepdf.Object) -> int:
    removed = _drop_keys(page, ("/AA", "/AF"))
    annotations = page.get("/Annots")
    if not isinstance(annotations, pikepdf.Array):
        return removed
    keep = [a for a in _dictionaries(annotations) if str(a.get("/Subtype")) not in _ACTIVE_ANNOTATIONS]
    if len(keep) != len(annotations):
        removed += len(annotations) - len(keep)
        page.Annots = pikepdf.Array(keep)
    return removed


def _dictionaries(array: pikepdf.Array) -> Iterator[pikepdf.Object]:
    return (item for item in array.as_list() if isinstance(item, pikepdf.Dictionary))


def _drop_actions(container: pikepdf.Object, unsafe: Set[str]) -> int:
    removed = 0
    if isinstance(container, pikepdf.Array):
        for index in range(len(container) - 1, -1, -1):
            if _is_unsafe(container[index], unsafe):
                del container[index]
                removed += 1
        return removed
    for key, value in list(container.items()):
        unknown = key in _ACTION_KEYS and _is_unknown_action(value, unsafe)
        embedded = key == "/EF" and ("/F" in container or "/UF" in container)
        if unknown or embedded or _is_unsafe(value, unsafe) or _is_trigger_table(key, value):
            del container[key]
            removed += 1
    return removed


def _is_unsafe(value: object, unsafe: Set[str]) -> bool:
    """An action that may do more than turn pages, whatever it hangs on."""
    if not isinstance(value, pikepdf.Dictionary):
        return False
    kind = str(value.get("/S", ""))
    if kind == "/Named":
        return str(value.get("/N", "")) not in _SAFE_NAMED
    return kind in unsafe or "/JS" in value


def _is_unknown_action(value: object, unsafe: Set[str]) -> bool:
    """Under a key that holds actions, only those known to be harmless stay."""
    if not isinstance(value, pikepdf.Dictionary) or "/S" not in value:
        return False
    return str(value.get("/S")) not in (_SAFE_ACTIONS | {"/Named"} | (_UNSAFE_ACTIONS - unsafe))


def _is_trigger_table(key: str, value: object) -> bool:
    """An additional-actions dictionary (a font that happens to be called AA holds no actions)."""
    if key != "/AA" or not isinstance(value, pikepdf.Dictionary):
        return False
    return all(isinstance(v, pikepdf.Dictionary) and "/S" in v for _, v in value.items())


def _drop_keys(holder: pikepdf.Object, keys: Iterable[str]) -> int:
    found = [key for key in keys if key in holder]
    for key in found:
        del holder[key]
    return len(found)
