"""Bytes -> text, where parts of a file may be written in different encodings.

    a mark at the beginning      UTF-8, UTF-16 or UTF-32, as the mark says
    zero bytes in a pattern      UTF-16 without a mark
    everything is UTF-8          so it is read
    else, line by line           UTF-8 where the line is; UTF-8 with damaged places where most of it is; CP949 where that gives Korean;
                                 Windows-1252 or Latin-1 for what is left

What cannot be read becomes U+FFFD. Every choice is counted and told.
"""

from __future__ import annotations

import re
import unicodedata

from inorder.data.files import MARKS
from inorder.errors import ConfigError, SeriesError

REPLACED = "\ufffd"
DAMAGED = "damaged UTF-8"
CONTROLS = tuple(chr(one) for one in (*range(9), *range(14, 32)))
KOREAN = re.compile(r"[\uac00-\ud7a3\u3131-\u318e\u4e00-\u9fff\u3000-\u303f\uff01-\uff60\u2000-\u27bf\u00a1-\u00ff]*")
HANGUL = re.compile(r"[\uac00-\ud7a3\u3131-\u318e]")
SURROGATES = re.compile("[\ud800-\udfff]")


def to_plain(data: bytes, encoding: str | None = None, source: str = "the file") -> tuple[str, list[str]]:
    """The text with "\\n" as the end of lines, without marks, zero characters and lone surrogates; and notes on what was found.

    encoding: as told; None = found out.   Raises ConfigError for an encoding that is unknown, SeriesError where every twentieth character is a control
    character, as in a picture or a program: that is no text.

    >>> to_plain("caf\u00e9\\r\\n".encode("latin-1"))
    ('café\\n', ['1 line read as Windows-1252 (the first: line 1)', '1 line ends with CR LF'])
    """
    text, notes = _told(data, encoding) if encoding is not None else _found(data)
    head = text[: 1 << 16]
    if 20 * sum(map(head.count, CONTROLS)) > len(head):
        raise SeriesError(f"{source} is not a text file: more than 5 % of it are control characters.")
    if "\r" in text:
        returns = text.count("\r\n")
        if returns:
            text = text.replace("\r\n", "\n")
            notes.append(f"{lines(returns)} {'ends' if returns == 1 else 'end'} with CR LF")
        elif "\n" not in text:
            text = text.replace("\r", "\n")
            notes.append("lines end with CR")
    return without_strange(text, notes), notes


def without_strange(text: str, notes: list[str]) -> str:
    """The text without zero characters, and with U+FFFD for lone surrogates, which no file can hold; counted in `notes`."""
    zeros = text.count("\0")
    if zeros:
        text = text.replace("\0", "")
        notes.append(f"{zeros:,} zero character{'s' * (zeros > 1)} (NUL) left out")
    if SURROGATES.search(text):
        text, count = SURROGATES.subn(REPLACED, text)
        notes.append(f"{count:,} lone surrogate{'s' * (count > 1)} replaced by U+FFFD")
    return text


def lines(count: int) -> str:
    """So many lines, in words."""
    return f"{count:,} line{'s' * (count != 1)}"


def _told(data: bytes, encoding: str) -> tuple[str, list[str]]:
    try:
        text = data.decode(encoding, errors="replace")
    except LookupError:
        raise ConfigError(f'The encoding "{encoding}" is unknown. Known are for example utf-8, cp949, latin-1, windows-1252, utf-16.') from None
    text = text.removeprefix("\ufeff")
    damaged = text.count(REPLACED)
    return text, _damage(damaged, f"no {encoding}")


def _damage(count: int, what: str) -> list[str]:
    return [f"{count:,} place{'s are' if count > 1 else ' is'} {what} and became U+FFFD"] if count else []


def _found(data: bytes) -> tuple[str, list[str]]:
    mark = next((mark for mark in MARKS if data.startswith(mark)), None)
    encoding = MARKS[mark] if mark is not None else _wide(data)
    data = data[len(mark) :] if mark is not None else data
    if encoding is not None and encoding != "utf-8":
        text = data.decode(encoding, errors="replace")
        damaged = text.count(REPLACED)
        name = encoding.upper().removesuffix("-LE").removesuffix("-BE")
        return text, [f"read as {name}", *_damage(damaged, "damaged")]
    notes = ["a byte order mark at the beginning was left out"] if mark is not None else []
    try:
        return data.decode(), notes
    except UnicodeDecodeError:
        text, mixed = _line_by_line(data)
        return text, notes + mixed


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: it holds zero bytes, and read so it has spaces or ends of lines and no character that stands in no text."""
    head = data[:4000]
    if b"\0" not in head or len(data) % 2:
        return None
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = head.decode(encoding)
        except UnicodeDecodeError:
            continue
        strange = sum(unicodedata.category(one) in ("Cn", "Co", "Cs") or (one < " " and one not in "\t\r\n") for one in text)
        if not strange and sum(one in " \n" for one in text) * 50 >= len(text):
            return encoding
    return None


def _line_by_line(data: bytes) -> tuple[str, list[str]]:
    """Each line in its own encoding."""
    pieces = data.split(b"\n")
    foreign = [line for line in pieces if not _is_utf8(line)]
    korean = _are_korean(foreign)
    found: dict[str, list[int]] = {}
    texts, damaged = [], 0
    for number, line in enumerate(pieces, 1):
        text, name = _line(line, korean)
        if name is not None:
            found.setdefault(name, []).append(number)
            damaged += text.count(REPLACED) if name == DAMAGED else 0
        texts.append(text)
    notes = [f"{lines(len(numbers))} read as {name} (the first: line {numbers[0]:,})" for name, numbers in found.items()]
    return "\n".join(texts), notes + _damage(damaged, "damaged")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _are_korean(foreign: list[bytes]) -> bool:
    """Whether lines that are not UTF-8 are CP949: read so, a quarter of their letters is Hangul, half of it among the 2,350 usual syllables.

    A few syllables prove little: the two bytes of "½¢" are one too.
    """
    texts = [text for line in foreign if (text := _as_korean(line))]
    hangul = [one for text in texts for one in HANGUL.findall(text)]
    usual = sum(map(_is_usual, hangul))
    letters = sum(one.isalpha() for text in texts for one in text)
    return len(hangul) >= 2 and 2 * usual >= len(hangul) and 4 * len(hangul) >= letters


def _is_usual(syllable: str) -> bool:
    try:
        return bool(syllable.encode("euc-kr"))
    except UnicodeEncodeError:
        return False


def _as_korean(line: bytes) -> str | None:
    """The line by CP949, where that gives Hangul and beside it only what stands in Korean text."""
    try:
        text = line.decode("cp949")
    except UnicodeDecodeError:
        return None
    beyond = "".join(one for one in text if one > "\x7f")
    return text if HANGUL.search(beyond) and KOREAN.fullmatch(beyond) else None


def _line(line: bytes, korean: bool) -> tuple[str, str | None]:
    """A line and its encoding; None = UTF-8."""
    try:
        return line.decode(), None
    except UnicodeDecodeError:
        text = line.decode(errors="replace")
    if sum(one > "\x7f" and one != REPLACED for one in text) > text.count(REPLACED):
        return text, DAMAGED
    if korean and (found := _as_korean(line)) is not None:
        return found, "CP949"
    try:
        return line.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        return line.decode("latin-1"), "Latin-1"
