"""Files become documents, the child's life, and what hostile files lead to."""

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import docx
import numpy as np
import pytest

from appkit.errors import RetrievalError
from appkit.retrieval.documents import Document
from appkit.retrieval.loaders import DocumentParser, FoundFile, LoadingError, LoadingLimits, load_document, walk
from appkit.retrieval.loaders import parser as parser_module
from tests.helpers.hostile_files import HOSTILE
from tests.helpers.shared_data import ROOT
from tests.helpers.tiny_pdf import tiny_pdf
from tests.helpers.unprivileged import public_folder, unprivileged


def word_document() -> bytes:
    document = docx.Document()
    document.add_heading("保修", 1)
    document.add_paragraph("保修期是两年。")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


ONE_OF_EACH = {
    "a.md": "# 保修\n\n保修期是两年。\n".encode(),
    "a.html": "<title>保修</title><h1>保修</h1><p>保修期是两年。</p>".encode("gb18030"),
    "a.pdf": tiny_pdf(["保修\n保修期是两年。"], compress=True),
    "a.docx": word_document(),
    "a.csv": "名称,保修\n水泵,保修期是两年。\n".encode("gbk"),
    "a.tsv": "名称\t保修\n水泵\t保修期是两年。\n".encode("utf-16"),
    "a.json": b'{"a": "\\u4fdd\\u4fee\\u671f\\u662f\\u4e24\\u5e74\\u3002"}',
    "a.jsonl": '{"a": "保修期是两年。"}\n'.encode(),
    "a.ipynb": json.dumps({"cells": [{"cell_type": "markdown", "source": "保修期是两年。"}]}).encode(),
    "a.txt": "保修期是两年。".encode(),
    "a.py": '"""保修期是两年。"""\n'.encode(),
}


@pytest.fixture(scope="module")
def parser() -> Iterator[DocumentParser]:
    with DocumentParser(LoadingLimits(cpu_s=1, wall_s=5, memory_bytes=700 << 20)) as parser:
        yield parser


def pid_of(parser: DocumentParser) -> int:
    assert parser._worker is not None
    return parser._worker.pid


def load(parser: DocumentParser, folder: Path, name: str, data: bytes) -> Document:
    (folder / name).write_bytes(data)
    return parser.load(folder / name, name)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_format_becomes_a_document(parser: DocumentParser, tmp_path: Path, name: str) -> None:
    document = load(parser, tmp_path, name, ONE_OF_EACH[name])
    assert "保修期是两年。" in document.text
    assert document.source == name
    assert document.sha256 == hashlib.sha256(ONE_OF_EACH[name]).hexdigest()
    assert document.title in ("保修", name)
    assert "/" in document.media_type
    spans = [(p.start, p.end) for p in document.pages] + [(s.start, s.end) for s in document.sections]
    assert all(0 <= start <= end <= len(document.text) for start, end in spans)


def test_one_child_reads_many_files(parser: DocumentParser, tmp_path: Path) -> None:
    load(parser, tmp_path, "a.md", b"# one")
    first = pid_of(parser)
    for name, data in ONE_OF_EACH.items():
        load(parser, tmp_path, name, data)
    assert pid_of(parser) == first


def test_plain_text_and_code_start_no_child(tmp_path: Path) -> None:
    with DocumentParser() as parser:
        load(parser, tmp_path, "a.txt", b"text")
        load(parser, tmp_path, "a.rs", b"fn main() {}")
        assert parser._worker is None


def test_a_document_is_loaded_on_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(ONE_OF_EACH["a.pdf"])
    document = load_document(tmp_path / "a.pdf", "sub/a.pdf")
    assert (document.source, document.title, document.page_number_at(3)) == ("sub/a.pdf", "a.pdf", 1)


QUICK = [name for name in HOSTILE if name not in ("nested.html", "zip-bomb.docx", "double-flate-bomb.pdf")]


@pytest.mark.parametrize("name", QUICK)
def test_a_hostile_file_is_skipped_with_its_reason(parser: DocumentParser, tmp_path: Path, name: str) -> None:
    make, reasons = HOSTILE[name]
    started = time.monotonic()
    with pytest.raises(LoadingError) as caught:
        load(parser, tmp_path, name, make())
    assert caught.value.skipped.reason in reasons
    assert caught.value.skipped.source == name
    assert caught.value.skipped.detail.endswith(".")
    assert "\n" not in caught.value.skipped.detail
    assert time.monotonic() - started < 10
    assert load(parser, tmp_path, "next.md", b"# fine").text == "# fine"


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_within_the_default_limits(tmp_path: Path, name: str) -> None:
    make, reasons = HOSTILE[name]
    with DocumentParser() as parser:
        load(parser, tmp_path, "first.md", b"# the child has started")
        data = make()
        started = time.monotonic()
        with pytest.raises(LoadingError) as caught:
            load(parser, tmp_path, name, data)
        assert caught.value.skipped.reason in reasons
        assert time.monotonic() - started < 35


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.html", "a.ipynb", "a.csv"])
def test_a_damaged_file_is_a_document_or_a_reason(
    parser: DocumentParser, tmp_path: Path, name: str, rng: np.random.Generator
) -> None:
    for _ in range(200):
        data = bytearray(ONE_OF_EACH[name])
        for position in rng.integers(0, len(data), size=rng.integers(1, 30)):
            data[position] = rng.integers(0, 256)
        with contextlib.suppress(LoadingError):
            load(parser, tmp_path, name, bytes(data[: rng.integers(1, len(data) + 1)])).text.encode()


def test_hostile_files_cost_their_neighbours_nothing(tmp_path: Path) -> None:
    for idx in range(95):
        name = list(ONE_OF_EACH)[idx % len(ONE_OF_EACH)]
        (tmp_path / f"{idx:02}-{name}").write_bytes(ONE_OF_EACH[name])
    for name in ("nested-arrays.pdf", "laughs.docx", "nested.json", "half-utf8.txt", "operators.pdf"):
        (tmp_path / f"50-{name}").write_bytes(HOSTILE[name][0]())
    documents, skipped = [], []
    with DocumentParser(LoadingLimits(cpu_s=1, wall_s=5)) as parser:
        for file in walk(tmp_path):
            assert isinstance(file, FoundFile)
            try:
                documents.append(parser.load(file.path, file.source))
            except LoadingError as error:
                skipped.append(error.skipped)
    assert (len(documents), len(skipped)) == (95, 5)


def test_a_child_past_its_processor_time_is_too_slow_and_replaced(parser: DocumentParser, tmp_path: Path) -> None:
    load(parser, tmp_path, "a.md", b"x")
    first = pid_of(parser)
    with pytest.raises(LoadingError, match="1 s of processor time") as caught:
        load(parser, tmp_path, "a.html", b"<div>" * 100_000)
    assert caught.value.skipped.reason == "too slow"
    assert load(parser, tmp_path, "b.md", b"fine").text == "fine"
    assert pid_of(parser) != first


def test_a_child_past_its_deadline_is_too_slow(tmp_path: Path) -> None:
    with DocumentParser(LoadingLimits(wall_s=0.3)) as parser:
        load(parser, tmp_path, "a.md", b"x")
        os.kill(pid_of(parser), signal.SIGSTOP)
        with pytest.raises(LoadingError, match=r"0\.3 s in all"):
            load(parser, tmp_path, "b.md", b"x" * 1_000_000)


def test_a_child_past_its_memory_is_too_large(tmp_path: Path) -> None:
    with DocumentParser(LoadingLimits(memory_bytes=200 << 20)) as parser:
        with pytest.raises(LoadingError, match="200 MiB of memory") as caught:
            load(parser, tmp_path, "a.json", b"[" + b"[]," * 2_500_000 + b"1]")
        assert caught.value.skipped.reason == "too large"
        assert load(parser, tmp_path, "b.json", b"[1]").text.strip() == "[0]: 1"


def test_a_child_that_dies_is_the_files_fault_and_replaced(tmp_path: Path) -> None:
    with DocumentParser() as parser:
        load(parser, tmp_path, "a.md", b"x")
        killer = threading.Timer(0.3, os.kill, (pid_of(parser), signal.SIGKILL))
        killer.start()
        with pytest.raises(LoadingError, match="status -9") as caught:
            load(parser, tmp_path, "a.html", b"<div>" * 100_000)
        assert caught.value.skipped.reason == "corrupt"
        killer.join()
        assert load(parser, tmp_path, "b.md", b"fine").text == "fine"


def test_a_child_killed_while_idle_is_replaced_unnoticed(tmp_path: Path) -> None:
    with DocumentParser() as parser:
        load(parser, tmp_path, "a.md", b"x")
        os.kill(pid_of(parser), signal.SIGKILL)
        time.sleep(0.05)
        assert load(parser, tmp_path, "b.md", b"fine").text == "fine"


def test_the_child_ends_with_the_parser(tmp_path: Path) -> None:
    with DocumentParser() as parser:
        load(parser, tmp_path, "a.md", b"x")
        pid = pid_of(parser)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="limits are read from /proc")
def test_the_child_can_open_nothing(parser: DocumentParser, tmp_path: Path) -> None:
    load(parser, tmp_path, "a.md", b"x")
    limits = Path(f"/proc/{pid_of(parser)}/limits").read_text()
    values = {line[:26].strip(): line[26:47].strip() for line in limits.splitlines()}
    assert (values["Max open files"], values["Max file size"], values["Max processes"]) == ("3", "0", "0")
    assert values["Max address space"] == str(700 << 20)


def test_a_reply_longer_than_its_limit_is_too_large(tmp_path: Path) -> None:
    with DocumentParser(LoadingLimits(reply_bytes=100_000)) as parser:
        with pytest.raises(LoadingError, match="100000") as caught:
            load(parser, tmp_path, "a.md", b"# x\n" * 20_000)
        assert caught.value.skipped.reason == "too large"


def test_a_child_that_cannot_start_is_no_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_module, "WORKER_FILE", tmp_path / "missing.py")
    with DocumentParser() as parser, pytest.raises(RetrievalError, match=r"did not start.*missing\.py") as caught:
        load(parser, tmp_path, "a.md", b"x")
    assert not isinstance(caught.value, LoadingError)


def test_threads_take_turns(parser: DocumentParser, tmp_path: Path) -> None:
    wrong = []

    def work(number: int) -> None:
        for i in range(20):
            text = f"# {number}-{i}\n" + "x" * 10_000
            if load(parser, tmp_path, f"{number}.md", text.encode()).text != text:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [("film.mp4", "unsupported"), ("gone.md", "unreadable"), ("loop.md", "link cycle"), ("folder.md", "unsupported"),
     ("pipe.md", "unsupported"), ("large.txt", "too large"), ("below-a-file/a.md", "unreadable")],
)  # fmt: skip
def test_what_cannot_be_opened_is_skipped_with_its_reason(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "film.mp4").write_bytes(b"x")
    (tmp_path / "gone.md").symlink_to("nothing.md")
    (tmp_path / "loop.md").symlink_to("loop.md")
    (tmp_path / "folder.md").mkdir()
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "large.txt").write_bytes(b"x" * 1001)
    (tmp_path / "below-a-file").write_bytes(b"x")
    with DocumentParser(LoadingLimits(file_bytes=1000)) as parser, pytest.raises(LoadingError) as caught:
        parser.load(tmp_path / name, name)
    assert caught.value.skipped.reason == reason
    assert str(caught.value) == f"{name}: {caught.value.skipped.detail}"


def test_a_file_without_permission_is_unreadable(parser: DocumentParser) -> None:
    with public_folder() as folder:
        (folder / "a.md").write_bytes(b"x")
        (folder / "a.md").chmod(0)
        with unprivileged(), pytest.raises(LoadingError, match="permission") as caught:
            parser.load(folder / "a.md", "a.md")
    assert caught.value.skipped.reason == "unreadable"


@pytest.mark.parametrize("limit", [{"cpu_s": 0}, {"wall_s": 0}, {"file_bytes": 0}, {"memory_bytes": 1 << 20}])
def test_limits_that_nothing_meets_are_refused(limit: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"limit|memory_bytes"):
        LoadingLimits(**limit)


def test_importing_it_loads_no_parsing_library() -> None:
    code = (
        "import sys, appkit.retrieval.loaders\n"
        "print([m for m in ('pypdf', 'lxml', 'docx', 'selectolax', 'markdown_it', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout == "[]\n", done.stderr
