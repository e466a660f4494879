"""Bytes of a text file -> its characters, for the encodings in which Chinese is written.

A byte-order mark decides; then strict UTF-8; then, among UTF-16, GB18030 and Big5, the one whose result looks
most like everyday writing; then what charset-normalizer believes.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable

import charset_normalizer

from detection.extraction.errors import ErrorCode, ExtractionError

SAMPLE_BYTES = 65_536
# A share of everyday characters that the wrong encoding does not reach.
LEAST_PLAUSIBLE = 0.75
LEAST_CERTAIN_UTF16 = 0.9
# A file cut within a character, or one bad byte, is still read.
MOST_REPLACED = 0.005
MOST_CONTROLS = 0.05

_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(data: bytes) -> str:
    """The text of a file. Lone surrogates may be in it; the caller cleans."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _marked(data[len(mark) :], encoding)
    text = _utf8(data)
    if text is not None and ("\0" not in text or _utf16(data) is None):
        return _without_binary(text)
    for candidate in (_utf16(data), _nearly_utf8(data), _chinese(data), _believed(data), _gb18030(data)):
        if candidate is not None:
            return _without_binary(candidate)
    raise ExtractionError(ErrorCode.UNDECODABLE_TEXT)


def _marked(data: bytes, encoding: str) -> str:
    """Lone surrogates pass; what is cut off or wrong becomes a replacement character."""
    try:
        return data.decode(encoding, "surrogatepass")
    except UnicodeDecodeError:
        return data.decode(encoding, "replace")


def _utf8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def _without_binary(text: str) -> str:
    """Scattered NULs are cleaned away later; a file full of control characters was never text."""
    controls = sum(text.count(chr(point)) for point in (*range(1, 9), *range(14, 27), *range(28, 32)))
    if controls > max(3, MOST_CONTROLS * len(text)):
        raise ExtractionError(ErrorCode.UNDECODABLE_TEXT)
    return text


def _utf16(data: bytes) -> str | None:
    if len(data) % 2:
        return None
    candidates = {
        encoding: data[:SAMPLE_BYTES].decode(encoding, "replace") for encoding in ("utf-16-le", "utf-16-be")
    }
    best = max(candidates, key=lambda encoding: _everyday_share(candidates[encoding]))
    if _everyday_share(candidates[best]) < LEAST_CERTAIN_UTF16:
        return None
    return _marked(data, best)


def _nearly_utf8(data: bytes) -> str | None:
    text = data.decode("utf-8", "replace")
    replaced = text.count("\ufffd")
    is_mostly_read = replaced < 0.2 * _beyond_ascii(text)
    return text if is_mostly_read and replaced <= max(1, MOST_REPLACED * len(text)) else None


def _chinese(data: bytes) -> str | None:
    sample = data[:SAMPLE_BYTES]
    shares = {
        "gb18030": _frequent_share(sample.decode("gb18030", "replace"), _is_frequent_in_gb18030),
        "big5hkscs": _frequent_share(sample.decode("big5hkscs", "replace"), _is_frequent_in_big5),
    }
    best = max(shares, key=lambda encoding: shares[encoding])
    if shares[best] < LEAST_PLAUSIBLE:
        return None
    text = data.decode(best, "replace")
    return text if text.count("\ufffd") <= max(1, MOST_REPLACED * len(text)) else None


def _believed(data: bytes) -> str | None:
    match = charset_normalizer.from_bytes(data[:SAMPLE_BYTES]).best()
    if match is None or match.encoding.startswith("utf"):
        return None
    return data.decode(match.encoding, "replace")


def _gb18030(data: bytes) -> str | None:
    """Chinese without everyday ideographs, such as a few words in traditional characters."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    return text if _beyond_ascii(text) > len(text) / 2 else None


def _beyond_ascii(text: str) -> int:
    return sum(character > "\x7f" for character in text)


def _everyday_share(text: str) -> float:
    def is_everyday(character: str) -> bool:
        return (
            " " <= character <= "~"
            or character in "\t\n\r"
            or "\u4e00" <= character <= "\u9fff"
            or "\u3000" <= character <= "\u303f"
            or "\uff00" <= character <= "\uffef"
            or "\u2010" <= character <= "\u2027"
        )

    return sum(map(is_everyday, text)) / len(text) if text else 0.0


def _frequent_share(text: str, is_frequent: Callable[[str], bool]) -> float:
    """Of the characters beyond ASCII: how many would stand in a text that was decoded rightly."""
    beyond = [character for character in text if character > "\x7f"]
    return sum(map(is_frequent, beyond)) / len(beyond) if beyond else 0.0


def _is_frequent_in_gb18030(character: str) -> bool:
    """Symbols and the ideographs of everyday use, or four bytes, which no other encoding forms by chance."""
    encoded = character.encode("gb18030", "replace")
    is_everyday = 0xB0 <= encoded[0] <= 0xD7 or 0xA1 <= encoded[0] <= 0xA3
    # The second byte tells the first standard from its extensions.
    return character != "\ufffd" and (len(encoded) == 4 or (is_everyday and encoded[-1] >= 0xA1))


def _is_frequent_in_big5(character: str) -> bool:
    return 0xA1 <= character.encode("big5", "replace")[0] <= 0xC6
