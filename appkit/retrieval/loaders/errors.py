"""Why a file does not become a document."""

import errno

from appkit.errors import RetrievalError
from appkit.retrieval.documents import SkippedFile, SkipReason


class LoadingError(RetrievalError):
    """A file did not become a document; `skipped` names it, the reason and the detail."""

    def __init__(self, skipped: SkippedFile) -> None:
        super().__init__(f"{skipped.source}: {skipped.detail}")
        self.skipped = skipped


class UnusableContentError(Exception):
    """What a format's reader raises: it knows the content and the reason, not the file's name."""

    def __init__(self, reason: SkipReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: SkipReason = reason
        self.detail = detail


def describe_os_error(error: OSError) -> UnusableContentError:
    """What the system says of a file that cannot be opened or read."""
    if error.errno == errno.ELOOP:
        return UnusableContentError("link cycle", "It is a link that leads back to itself.")
    if isinstance(error, PermissionError):
        return UnusableContentError("unreadable", "You have no permission to read it.")
    if isinstance(error, FileNotFoundError):
        return UnusableContentError("unreadable", "It does not exist, or is a link to what does not.")
    return UnusableContentError("unreadable", f"It cannot be read: {error.strerror or error}.")
