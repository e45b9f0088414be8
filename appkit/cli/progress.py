"""Progress bars on standard error, with the time that is left; silent where that is no terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def show_progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A function to call with (bytes done, bytes in all), shown as a bar while the block runs."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def show_indexing() -> Iterator[Callable[[int, int, int, int], None]]:
    """A function to call with (files done, files in all, chunks done, chunks in all): a bar for each.

    Reading is quick and embedding is what takes the time; the second bar appears when its length is known.
    """
    if not sys.stderr.isatty():
        yield lambda files_done, files, chunks_done, chunks: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from appkit.cli.texts import text

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        reading = bar.add_task(text("index_reading"), total=None)
        embedding = bar.add_task(text("index_embedding"), total=None, visible=False)

        def show(files_done: int, files: int, chunks_done: int, chunks: int) -> None:
            bar.update(reading, completed=files_done, total=files)
            bar.update(embedding, completed=chunks_done, total=chunks or None, visible=chunks > 0)

        yield show
