"""A vocabulary as llguidance asks for one, built once for each tokenizer.

llguidance works on the bytes of tokens, so a token may span several parts of a grammar and end inside a character.
"""

import threading
import weakref

import llguidance

from runtime.errors import TokenizerError
from runtime.grammar.special import spelling_of, split_tokens
from runtime.tokenizer.base import Tokenizer

# Tokens that llguidance looks at together: where all texts of a kind may come, none of them is looked at by itself. Its
# own kinds hold brackets, which free text often may not; these do not, and cost a mask of "[^\[\]]{2,300}" a third.
SLICES = (
    r"[\x20\x0A\x0D\x09]+",
    r"[\x20a-zA-Z]{1,10}",
    r'[^"\\\[\]\x00-\x1F\x7F]{1,10}',
    r'[^"\\\[\]\x00-\x1F\x7F]{1,30}',
    r'[^"\\\x00-\x1F\x7F]{1,10}',
    r'[^"\\\x00-\x1F\x7F]{1,30}',
    r'[^"\\\x00-\x1F\x7F]+',
)


class BytesTokenizer:
    """Our tokenizer as llguidance asks for one. Holds it weakly, lest the table below keep it alive."""

    bos_token_id = None

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = weakref.ref(tokenizer)
        self.tokens = [tokenizer.token_bytes(i) for i in range(tokenizer.vocab_size)]
        self.eos_token_id = tokenizer.eos_id if tokenizer.eos_id is not None else min(tokenizer.eog_ids)
        self.special_token_ids = sorted(tokenizer.special_ids | tokenizer.eog_ids)
        self._longest = max(map(len, self.tokens), default=0)
        self._ids: dict[bytes, int] = {}

    def __call__(self, text: str | bytes) -> list[int]:
        """Ids whose bytes are exactly `text`'s, as the tokenizer writes them in the middle of a text."""
        data = text.encode() if isinstance(text, str) else text
        tokenizer = self._tokenizer()
        if tokenizer is not None:
            for prefix in ("", "\n"):  # some vocabularies put a blank before a text, but none after a line break
                try:
                    ids = tokenizer.encode(prefix + data.decode())
                except (TokenizerError, UnicodeDecodeError):
                    continue
                ids = ids[1:] if prefix else ids
                if b"".join(self.tokens[i] for i in ids) == data:
                    return ids
        return self._longest_matches(data)

    def _longest_matches(self, data: bytes) -> list[int]:
        """Ids by the longest token that fits, over and over; a byte that no token has is left out."""
        if not self._ids:
            special = set(self.special_token_ids)
            self._ids = {token: i for i, token in enumerate(self.tokens) if token and i not in special}
        ids, position = [], 0
        while position < len(data):
            for size in range(min(self._longest, len(data) - position), 0, -1):
                token_id = self._ids.get(data[position : position + size])
                if token_id is not None:
                    ids.append(token_id)
                    position += size - 1
                    break
            position += 1
        return ids


class Vocabulary:
    """Bytes of every token, and llguidance's tables over them: 0.1 s and 20 MB for 49,000 tokens.

    `single_bytes` are the bytes that are tokens by themselves, as bits of one number: any text of these can be written.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.bytes_tokenizer = BytesTokenizer(tokenizer)
        self._control_ids = frozenset(self.bytes_tokenizer.special_token_ids)
        wrapper = llguidance.TokenizerWrapper(self.bytes_tokenizer)
        self.single_bytes = sum(1 << byte for byte in {token[0] for token in self._ordinary() if len(token) == 1})
        ends = sorted(tokenizer.eog_ids)
        self.tables = llguidance.LLTokenizer(wrapper, tokenizer.vocab_size, eos_token=ends, slices=list(SLICES))

    def _ordinary(self) -> list[bytes]:
        special = set(self.bytes_tokenizer.special_token_ids)
        return [token for i, token in enumerate(self.bytes_tokenizer.tokens) if i not in special]

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes of a token; of a control token the text that stands for it, see `special`."""
        is_control = token_id in self._control_ids
        return spelling_of(token_id) if is_control else self.bytes_tokenizer.tokens[token_id]

    def encode(self, data: bytes) -> tuple[int, ...] | None:
        """Ids whose bytes are exactly `data`; None where the vocabulary lacks one of its bytes."""
        ids: list[int] = []
        for piece in split_tokens(data):
            ids += [piece] if isinstance(piece, int) else self.bytes_tokenizer(piece)
        return tuple(ids) if b"".join(map(self.token_bytes, ids)) == data else None


_built: weakref.WeakKeyDictionary[Tokenizer, Vocabulary] = weakref.WeakKeyDictionary()
_building = threading.Lock()


def vocabulary_of(tokenizer: Tokenizer) -> Vocabulary:
    """The vocabulary of `tokenizer`, made when first asked for and kept as long as the tokenizer lives."""
    with _building:
        if tokenizer not in _built:
            _built[tokenizer] = Vocabulary(tokenizer)
        return _built[tokenizer]
