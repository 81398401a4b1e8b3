"""PDF without anything that acts: scripts, launches, forms that send, links, attachments, rich media.

Rewriting a file breaks digital signatures inside it; a signed original is verified before it comes here.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import pikepdf

from providers.document_child import Cleaned, Refused, serve

MAX_PAGES = 2000
MAX_OBJECTS = 300_000
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
        raise Refused("document_unreadable", "encrypted") from None
    with pdf:
        _check(pdf)
        _clean_root(pdf.Root)
        for page in pdf.pages:
            _clean_page(page.obj)
        for holder in pdf.objects:
            for container in _containers(holder):
                _drop_actions(container)
        out = io.BytesIO()
        pdf.save(out, stream_decode_level=pikepdf.StreamDecodeLevel.none, linearize=False, deterministic_id=True)
        return Cleaned(out.getvalue(), len(pdf.pages))


def _check(pdf: pikepdf.Pdf) -> None:
    if pdf.is_encrypted:
        raise Refused("document_unreadable", "encrypted")
    if len(pdf.objects) > MAX_OBJECTS:
        raise Refused("document_too_complex", "too_many_objects")
    if len(pdf.pages) > MAX_PAGES:
        raise Refused("document_too_complex", "too_many_pages")
    if not len(pdf.pages):
        raise Refused("document_unreadable", "no_pages")


def _clean_root(root: pikepdf.Object) -> None:
    _drop_keys(root, _ROOT_KEYS)
    if isinstance(root.get("/Names"), pikepdf.Dictionary):
        _drop_keys(root.Names, _NAME_TREES)
    if isinstance(root.get("/AcroForm"), pikepdf.Dictionary):
        _drop_keys(root.AcroForm, ("/XFA",))


def _clean_page(page: pikepdf.Object) -> None:
    _drop_keys(page, ("/AA", "/AF"))
    annotations = page.get("/Annots")
    if isinstance(annotations, pikepdf.Array):
        keep = [a for a in _dictionaries(annotations) if str(a.get("/Subtype")) not in _ACTIVE_ANNOTATIONS]
        page.Annots = pikepdf.Array(keep)


def _dictionaries(array: pikepdf.Array) -> Iterator[pikepdf.Object]:
    return (item for item in array.as_list() if isinstance(item, pikepdf.Dictionary))


def _containers(holder: pikepdf.Object) -> Iterator[pikepdf.Object]:
    """The dictionaries and arrays written inside one indirect object; references are met as objects of their own."""
    waiting = [holder]
    while waiting:
        container = waiting.pop()
        if isinstance(container, (pikepdf.Dictionary, pikepdf.Stream, pikepdf.Array)):
            yield container
            waiting += [value for value in _values(container) if not value.is_indirect]


def _values(container: pikepdf.Object) -> Iterable[pikepdf.Object]:
    found = container.as_list() if isinstance(container, pikepdf.Array) else [v for _, v in container.items()]
    return [value for value in found if isinstance(value, pikepdf.Object)]


def _drop_actions(container: pikepdf.Object) -> None:
    if isinstance(container, pikepdf.Array):
        for index in range(len(container) - 1, -1, -1):
            if _is_unsafe(container[index]):
                del container[index]
        return
    for key, value in list(container.items()):
        unknown = key in _ACTION_KEYS and _is_unknown_action(value)
        embedded = key == "/EF" and ("/F" in container or "/UF" in container)
        if unknown or embedded or _is_unsafe(value) or _is_trigger_table(key, value):
            del container[key]


def _is_unsafe(value: object) -> bool:
    """An action that may do more than turn pages, whatever it hangs on."""
    if not isinstance(value, pikepdf.Dictionary):
        return False
    kind = str(value.get("/S", ""))
    if kind == "/Named":
        return str(value.get("/N", "")) not in _SAFE_NAMED
    return kind in _UNSAFE_ACTIONS or "/JS" in value


def _is_unknown_action(value: object) -> bool:
    """Under a key that holds actions, only those known to be harmless stay."""
    if not isinstance(value, pikepdf.Dictionary) or "/S" not in value:
        return False
    return str(value.get("/S")) not in _SAFE_ACTIONS | {"/Named"}


def _is_trigger_table(key: str, value: object) -> bool:
    """An additional-actions dictionary (a font that happens to be called AA holds no actions)."""
    if key != "/AA" or not isinstance(value, pikepdf.Dictionary):
        return False
    return all(isinstance(v, pikepdf.Dictionary) and "/S" in v for _, v in value.items())


def _drop_keys(holder: pikepdf.Object, keys: Iterable[str]) -> None:
    for key in keys:
        if key in holder:
            del holder[key]


if __name__ == "__main__":
    serve(clean_pdf)
