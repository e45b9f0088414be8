"""Notices: what a user should know although nothing failed. One line each, said once a model.

They are Python warnings, so a program can silence or record them; the command line prints them on standard error.
"""

import warnings


class ModelNotice(UserWarning):
    """A model is used for something it was not made for. The answer comes all the same."""


class Notices:
    """Says each thing once. Owns what was said; one belongs to each open model."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, text: str) -> None:
        """Warn with `text` unless it was said before."""
        if text in self._said:
            return
        self._said.add(text)
        warnings.warn(text, ModelNotice, stacklevel=3)
