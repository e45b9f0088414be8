"""Control tokens in a grammar: written `<[ID]>` in Lark, where llguidance lets the token stand and no text.

They have no bytes, but the matcher that knows how far the end is works on bytes. There such a token is a text of its
own that begins with U+10FFFF, which stands for nothing. A lexer that has taken a byte for text does not go back, so
free text before a control token must leave out all characters that begin with the same byte: `FREE_TEXT`.
"""

import json
import re

SENTINEL = "\U0010ffff"
FREE_TEXT = r"[^\x{100000}-\x{10FFFF}]"  # in a regular expression: any character but 65,536 of private use
# What may hold the same letters and means them: strings, regular expressions, comments.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|/(?:[^/\\\n]|\\.)+/|//[^\n]*|<\[(\d{1,9})\]>')
_SPELLED = re.compile(f"{SENTINEL}\\[(\\d{{1,9}})\\]{SENTINEL}".encode())


def spelling_of(token_id: int) -> bytes:
    """The bytes that stand for a control token."""
    return f"{SENTINEL}[{token_id}]{SENTINEL}".encode()


def lark_with_text(lark: str) -> str:
    """Lark in which control tokens are the text that stands for them."""
    return _TOKEN.sub(_as_text, lark)


def tokens_as_text(grammar: str) -> str:
    """A grammar, as `grammar_of` makes it, in which control tokens are the text that stands for them."""
    if "<[" not in grammar:
        return grammar
    value = json.loads(grammar)
    for part in value["grammars"]:
        if isinstance(part.get("lark_grammar"), str):
            part["lark_grammar"] = lark_with_text(part["lark_grammar"])
    return json.dumps(value)


def split_tokens(data: bytes) -> list[bytes | int]:
    """Text and the ids of the control tokens in it, in order."""
    pieces: list[bytes | int] = []
    done = 0
    for found in _SPELLED.finditer(data):
        pieces += [data[done : found.start()], int(found[1])]
        done = found.end()
    return [piece for piece in (*pieces, data[done:]) if piece != b""]


def _as_text(found: re.Match[str]) -> str:
    return found[0] if found[1] is None else f'"{spelling_of(int(found[1])).decode()}"'
