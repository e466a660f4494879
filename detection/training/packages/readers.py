"""Files of packages -> paragraphs. What is no running text may be among them: `passages` tells them apart."""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import polib
from lxml import etree, html
from markdown_it import MarkdownIt

from detection.extraction import extract_file
from detection.extraction.decoding import decode
from detection.scoring.characters import CJK_PUNCTUATION, IDEOGRAPHS
from detection.scoring.types import BlockKind

Units = list[list[str]]  # the paragraphs of each text in a file

_WIDE = f"[{IDEOGRAPHS}{CJK_PUNCTUATION}]"
_WRAP = re.compile(rf"(?<={_WIDE})[ \t]*\n\s*(?={_WIDE})")
_SPACE = re.compile(r"[ \t\r\n\xa0]+")
_TAG = re.compile(r"<[^<>]{1,200}>|\[/?\w{1,9}\]")
_TEXT_BLOCKS = frozenset({"p", "para", "simpara", "dd", "li", "div"})
_BLOCKS = _TEXT_BLOCKS | {"blockquote", "td", "th", "section", "article"}
_SKIPPED = frozenset(
    {"pre", "screen", "programlisting", "synopsis", "table", "script", "style", "head", "header"}
) | {
    *("nav", "footer", "title", "dt", "footnote", "indexterm", "sup"),
    *(f"h{level}" for level in range(1, 7)),
}
_ROFF_INLINE = re.compile(r"\\f(?:\[[A-Z]*\]|\(..|.)|\\[&|^/,%]|\\s[-+]?\d")
_ROFF_CHARACTERS = {
    r"\-": "-",
    r"\(aq": "'",
    r"\(dq": '"',
    r"\(lq": "“",
    r"\(rq": "”",
    r"\e": "\\",
    r"\ ": " ",
    r"\(bu": "",
}
_ROFF_FONT = re.compile(r"^\.(?:B|I|BR|IR|RB|RI|BI|IB|SM|SB)\s+(.*)")
_PARAGRAPH_END = re.compile(r"\n\s*(?:[=*_~-]{3,}\s*)?\n")
_DECLARATION = re.compile(r"^\s*<\?xml.*?\?>", re.S)
_ENTRIES = frozenset({"item", "entry"})
_BREAK = re.compile(r"<br\b[^>]*>|</(?:p|div|li|blockquote)>", re.I)
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_CONSULTATION = "请回答下列问题，首先给出回答"
_STATUTES = re.compile(r"\**法律依据")
_COURTESY = re.compile(r"^(?:好的|当然|没问题|你好|您好|谢谢|感谢)[^\n]{0,80}[！!。：:]\s*\n+|^回答[:：]\s*")
_OF_ITSELF = re.compile(r"(?:作为|我(?:只|仅仅)?是)(?:一[名个位款])?\s*(?:AI|人工智能|语言模型)")
_TASK_LABEL = re.compile(r"^(?:段落|事实|文书|句子)[:：]\s*")
_TASK_QUESTION = re.compile(r"\s*(?:问题[:：][^\n]*\Z|(?<=[。\n\s])(?:罪名|法条)[:：].*\Z)", re.S)
_NUMBERED_PERSON = re.compile(rf"(?<=[{IDEOGRAPHS}])[xX]\d+")
_STRUCK_OUT = re.compile(rf"×|[xX＊*]{{2}}|(?<=[{IDEOGRAPHS}])[xX](?!\d)")
_SENSES = re.compile(r"\s*1\.")
_MISREAD = re.compile(rf"[{IDEOGRAPHS}] [{IDEOGRAPHS}]|[\ue000-\uf8ff～]|，[、，。]|、、|（）")
_CONTAINER = re.compile(r"^\s*:::.*$", re.M)


def read_html(data: bytes) -> Units:
    content = decode(data).encode("utf-8", "replace")
    return [list(_blocks(html.document_fromstring(content, parser=html.HTMLParser(encoding="utf-8"))))]


def read_xml(data: bytes) -> Units:
    """Mallard and DocBook."""
    return [list(_blocks(_xml(data)))]


def read_feed(data: bytes) -> Units:
    """RSS and Atom: a text for each entry, its longest account of itself."""
    root = _xml(_DECLARATION.sub("", decode(data)).encode())
    entries = [e for e in root.iter() if isinstance(e.tag, str) and _name(e) in _ENTRIES]
    accounts = [[list(_html_lines(part)) for part in entry] for entry in entries]
    return [max(parts, key=lambda lines: len("".join(lines)), default=[]) for parts in accounts]


def read_markdown(data: bytes) -> Units:
    rendered = (
        MarkdownIt("commonmark", {"html": True}).enable("table").render(_CONTAINER.sub("", decode(data)))
    )
    return read_html(f"<html><body>{rendered}</body></html>".encode())


def read_text(data: bytes) -> Units:
    """Paragraphs between empty lines or rules, their lines joined."""
    return [[joined(part) for part in _PARAGRAPH_END.split(_plain(data))]]


def read_paragraphs(data: bytes) -> Units:
    """A paragraph on each line."""
    return [[joined(line) for line in _plain(data).split("\n")]]


def read_lines(data: bytes) -> Units:
    """A text on each line."""
    return [[joined(line)] for line in _plain(data).split("\n")]


def read_fortunes(data: bytes) -> Units:
    """Texts between lines of a single %, without the colours of terminals."""
    texts = re.split(r"^%+$", _COLOUR.sub("", _plain(data)), flags=re.M)
    return [[joined(part) for part in re.split(r"\n\s*\n", text)] for text in texts]


def read_catalogue(data: bytes) -> Units:
    """The longer translations of a .po or .mo file, a text each: their order means nothing."""
    with tempfile.NamedTemporaryFile(suffix=".catalogue") as file:
        file.write(data)
        file.flush()
        load = polib.mofile if data[:4] in (b"\xde\x12\x04\x95", b"\x95\x04\x12\xde") else polib.pofile
        entries = [entry.msgstr for entry in load(file.name) if entry.msgid and "fuzzy" not in entry.flags]
    return [
        [joined(line) for line in _TAG.sub("", entry).replace("\\n", "\n").split("\n")] for entry in entries
    ]


def read_json(data: bytes) -> Units:
    """Every string of a JSON file, in order, as one text."""
    return [[joined(line) for text in _strings(json.loads(decode(data))) for line in text.split("\n")]]


def read_strings(data: bytes) -> Units:
    """Every string of a JSON file, a text each."""
    return [[joined(line) for line in text.split("\n")] for text in _strings(json.loads(decode(data)))]


def read_man(data: bytes) -> Units:
    paragraphs: list[str] = []
    lines: list[str] = []
    for line in decode(data).split("\n"):
        font = _ROFF_FONT.match(line)
        if not line.strip() or (line.startswith((".", "'")) and not font):
            paragraphs.append(joined("\n".join(lines)))
            lines = []
            continue
        text = _ROFF_INLINE.sub("", (font[1].replace('"', "") if font else line))
        for mark, character in _ROFF_CHARACTERS.items():
            text = text.replace(mark, character)
        lines.append(text)
    return [[*paragraphs, joined("\n".join(lines))]]


def read_document(data: bytes) -> Units:
    """A PDF, as an upload is read."""
    document = extract_file(data=data, filename="document.pdf")
    return [[joined(document.text[b.start : b.end]) for b in document.blocks if b.kind is BlockKind.PROSE]]


def read_instructions(data: bytes) -> Units:
    """JSON to tune models with: the `output` of each entry, or of its two answers the one `chosen`."""
    entries = json.loads(decode(data))
    return _answers(e["chosen"]["value"] if "chosen" in e else e["output"] for e in entries)


def read_consultations(data: bytes) -> Units:
    """Predictions for a benchmark of law, JSON on lines: the advice in them, less the statutes after it.

    What the model recites, corrects or labels in other tasks was written by people.
    """
    predictions = [json.loads(line) for line in decode(data).splitlines()]
    consulted = [p for p in predictions if p["raw_input"]["system"].startswith(_CONSULTATION)]
    return _answers(_STATUTES.split(p["choices"][0]["message"]["content"])[0] for p in consulted)


def read_cases(data: bytes) -> Units:
    """Tasks of a benchmark of law, JSON on lines: what is to be read in them, less label and question.

    People who were made nameless by a letter and a number are called 某, as courts call them. Texts in which
    more was struck out (××) are left out: no model writes so, and that would be all there is to learn.
    """
    queries = [json.loads(line)["query"] for line in decode(data).splitlines() if line.strip()]
    queries = [query for query in queries if not _STRUCK_OUT.search(query)]
    texts = [_TASK_QUESTION.sub("", _TASK_LABEL.sub("", query)) for query in queries]
    return [[joined(line) for line in _NUMBERED_PERSON.sub("某", text).split("\n")] for text in texts]


def read_dictionary(data: bytes) -> Units:
    """A dictionary in a zip, a word, a tab and its account on each line: words of one sense, a text each.

    Its opening quotes are lost, so closing ones go as well; accounts that were misread are left out.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        lines = _plain(archive.read(archive.namelist()[0])).split("\n")
    accounts = [line.partition("\t")[2] for line in lines]
    return [[joined(a.replace("”", ""))] for a in accounts if not (_SENSES.match(a) or _MISREAD.search(a))]


READERS: Mapping[str, Callable[[bytes], Units]] = MappingProxyType(
    {
        "html": read_html,
        "xml": read_xml,
        "feed": read_feed,
        "markdown": read_markdown,
        "text": read_text,
        "paragraphs": read_paragraphs,
        "lines": read_lines,
        "fortunes": read_fortunes,
        "catalogue": read_catalogue,
        "json": read_json,
        "strings": read_strings,
        "man": read_man,
        "pdf": read_document,
        "instructions": read_instructions,
        "consultations": read_consultations,
        "cases": read_cases,
        "dictionary": read_dictionary,
    }
)

INDEPENDENT = frozenset(  # whose files are many texts
    {
        *("feed", "lines", "fortunes", "catalogue", "strings", "instructions", "consultations"),
        *("cases", "dictionary"),
    }
)


def joined(text: str) -> str:
    """One line: lines of Chinese joined without a space, others with one."""
    return _SPACE.sub(" ", _WRAP.sub("", text)).strip().strip("\u3000").strip()


def _answers(answers: Iterable[str]) -> Units:
    """Without the courtesies before them, and without those in which a model speaks of itself."""
    kept = (_COURTESY.sub("", answer.strip()) for answer in answers if not _OF_ITSELF.search(answer))
    return [[joined(line) for line in answer.split("\n")] for answer in kept]


def _html_lines(element: Any) -> Iterator[str]:
    """The lines of what stands in an element of a feed: HTML, escaped or not."""
    content = element.text or ""
    if len(element):
        content += "".join(etree.tostring(child, encoding="unicode") for child in element)
    if content.strip():
        broken = _BREAK.sub("\n", content)
        for line in html.fromstring(f"<div>{broken}</div>").text_content().split("\n"):
            yield joined(line)


def _plain(data: bytes) -> str:
    return decode(data).replace("\r\n", "\n").replace("\r", "\n")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _xml(data: bytes) -> Any:
    return etree.fromstring(data, etree.XMLParser(recover=True, resolve_entities=False, no_network=True))


def _blocks(root: Any) -> Iterator[str]:
    """Texts of the innermost paragraphs, in order, without code, tables and headings."""
    for element in list(root.iter()):
        if isinstance(element.tag, str) and _name(element) in _SKIPPED:
            element.attrib["skipped"] = ""
    for element in root.iter():
        if not isinstance(element.tag, str) or _name(element) not in _TEXT_BLOCKS:
            continue
        if any(_name(child) in _BLOCKS for child in element.iterdescendants() if isinstance(child.tag, str)):
            continue
        if "skipped" not in element.attrib and not any(
            "skipped" in a.attrib for a in element.iterancestors()
        ):
            yield joined("".join(_texts(element)))


def _texts(element: Any) -> Iterator[str]:
    if "skipped" in element.attrib or not isinstance(element.tag, str):
        return
    yield element.text or ""
    for child in element:
        yield from _texts(child) if isinstance(child.tag, str) else ()
        yield child.tail or ""


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2].lower()
