"""What somebody who evaluates should know although nothing failed, as a warning that the command line shows."""

import warnings

from appkit import ModelNotice


class EvaluationNotice(ModelNotice):
    """Figures say something else than one would expect."""


def notice(text: str) -> None:
    """Warn with `text`, one line."""
    warnings.warn(text, EvaluationNotice, stacklevel=3)
