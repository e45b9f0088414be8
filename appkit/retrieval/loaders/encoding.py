"""Bytes to text: a stated order of encodings, each decoded strictly, and nothing replaced.

1. A byte-order mark decides: UTF-8, UTF-16, UTF-32.
2. Content that is no text at all (magic numbers, many control bytes) is binary.
3. What the document itself declares (HTML only).
4. UTF-8.
5. GB18030, the superset of GB2312 and GBK, where what comes out reads as Chinese.
6. Windows-1252, the superset of Latin-1, where nearly all bytes are ASCII.
"""

import codecs
import re

from appkit.retrieval.loaders.errors import UnusableContentError

BYTE_ORDER_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
MAGIC_NUMBERS = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"\x1f\x8b", "gzip data"),
    (b"SQLite format 3\x00", "an SQLite database"),
)
SAMPLE_BYTES = 1 << 16
MAX_CONTROL_SHARE = 0.05  # 0.11 in random bytes; a stray NUL in a text is no reason to refuse it
MIN_GB2312_SHARE = 0.8  # of the characters outside ASCII; what merely happens to decode is mostly rare characters
MIN_ASCII_SHARE = 0.85  # of the bytes of a Western text; its accented letters are fewer
_CONTROL_BYTES = bytes([*range(9), *range(14, 27), *range(28, 32), 127])  # all but white space and escape


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text, and the name of its encoding.

    Args:
        data: the content of a file.
        declared: the encoding that the content claims for itself; tried where Python knows it.

    Raises:
        UnusableContentError: "binary" or "corrupt".
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding), encoding
            except UnicodeDecodeError as error:
                raise UnusableContentError(
                    "corrupt",
                    f"It begins with the mark of {encoding.upper()}, but byte {error.start + len(mark)} is no part of "
                    f"such a text.",
                ) from error
    check_not_binary(data)
    candidates = [("utf-8", _is_any), ("gb18030", _is_chinese), ("cp1252", _is_western)]
    if declared is not None and (known := _known_encoding(declared)):
        candidates.insert(0, (known, _is_any))
    for encoding, is_plausible in candidates:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if is_plausible(data, text):
            return text, encoding
    raise UnusableContentError(
        "corrupt",
        "Its encoding is none of UTF-8, UTF-16 with a mark, GB18030 and Windows-1252; save it as UTF-8.",
    )


def check_not_binary(data: bytes) -> None:
    """Raise UnusableContentError for content that is no text in any encoding without a byte-order mark."""
    for magic, what in MAGIC_NUMBERS:
        if data.startswith(magic):
            raise UnusableContentError("binary", f"Its content is {what}, not text.")
    sample = data[:SAMPLE_BYTES]
    num_control = len(sample) - len(sample.translate(None, _CONTROL_BYTES))
    if num_control > MAX_CONTROL_SHARE * len(sample):
        raise UnusableContentError(
            "binary",
            f"Its content is not text: {num_control} of its first {len(sample)} bytes are control characters.",
        )


def _known_encoding(name: str) -> str | None:
    """The Python codec for a declared name, widened as browsers do; None for one that is unknown or no text."""
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return None
    widened = {"iso8859-1": "cp1252", "ascii": "utf-8", "gb2312": "gb18030", "gbk": "gb18030"}.get(codec, codec)
    return widened if widened in _TEXT_CODECS or widened.startswith(("cp125", "iso8859-", "koi8-")) else None


_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
# Not every codec that Python knows decodes bytes to text (rot13, zip), and some decode anything.
_TEXT_CODECS = frozenset(
    ["utf-8", "gb18030", "big5", "big5hkscs", "shift_jis", "cp932", "euc_jp", "iso2022_jp", "euc_kr", "cp949", "cp866"]
)


def _is_any(data: bytes, text: str) -> bool:
    return True


def _is_chinese(data: bytes, text: str) -> bool:
    """Whether the characters outside ASCII are those of the common set, GB2312."""
    sample = _NOT_ASCII.findall(text)[:SAMPLE_BYTES]
    num_common = len("".join(sample).encode("gb2312", "ignore")) // 2
    return num_common >= MIN_GB2312_SHARE * len(sample)


def _is_western(data: bytes, text: str) -> bool:
    """Whether nearly all bytes are ASCII."""
    return len(data) - len(_NOT_ASCII.findall(text)) >= MIN_ASCII_SHARE * len(data)
