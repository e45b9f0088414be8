"""`EmbedderSlot`: the one embedder that an open index uses."""

import threading
from collections.abc import Callable

from appkit.llm.base import Embedder
from appkit.retrieval.embedders import (
    EmbedderIdentity,
    check_same,
    close_embedder,
    identify,
    open_embedder,
    raise_mismatch,
)


class EmbedderSlot:
    """An embedder that was given open, or one that is opened, and owned, when it is first needed. For any thread."""

    def __init__(self, given: Embedder | str | None) -> None:
        """Args: given: open already, a catalog name or file, or None for whichever the index was made with."""
        self._given = given
        self._embedder: Embedder | None = None
        self._identity: EmbedderIdentity | None = None
        self._lock = threading.RLock()

    def check_given(self, indexed: EmbedderIdentity | None) -> None:
        """Refuse what was given at once where it is not the index's. An open one is asked; a name is compared.

        Raises:
            EmbedderMismatchError: it is another one.
        """
        if indexed is None or self._given is None:
            return
        if not isinstance(self._given, str):
            self.get(indexed, lambda: "")
        elif self._given != indexed.name:
            raise_mismatch(indexed.name, self._given)

    def get(self, indexed: EmbedderIdentity | None, choose: Callable[[], str]) -> tuple[Embedder, EmbedderIdentity]:
        """The embedder, and its identity: that of the index where it has one.

        Args:
            indexed: who made the index's vectors; None before there are any.
            choose: gives the name where neither the caller nor the index says one.

        Raises:
            EmbedderMismatchError: the embedder that was given is not the index's.
        """
        with self._lock:
            if self._is_another(indexed) and self._given is None:
                self._close()  # another process has rebuilt the index meanwhile
            if self._embedder is None or self._identity is None:
                self._open(indexed.name if indexed is not None else "", choose)
            assert self._embedder is not None and self._identity is not None
            if indexed is None:
                return self._embedder, self._identity
            check_same(indexed, self._identity)
            return self._embedder, indexed

    def replace(self, given: Embedder | str, embedder: Embedder, identity: EmbedderIdentity) -> None:
        """Use `embedder` from here on; the slot owns it where `given` is a name."""
        with self._lock:
            self._close()
            self._given, self._embedder, self._identity = given, embedder, identity

    def close(self) -> None:
        """Close the embedder where the slot opened it. Twice is harmless."""
        with self._lock:
            self._close()

    def _is_another(self, indexed: EmbedderIdentity | None) -> bool:
        return indexed is not None and self._identity is not None and not indexed.is_same(self._identity)

    def _open(self, indexed_name: str, choose: Callable[[], str]) -> None:
        if self._given is not None and not isinstance(self._given, str):
            self._embedder = self._given
        else:
            self._embedder = open_embedder(self._given or indexed_name or choose())
        self._identity = identify(self._embedder)

    def _close(self) -> None:
        if self._embedder is not None and self._embedder is not self._given:
            close_embedder(self._embedder)
        self._embedder = self._identity = None
