"""`appkit index`: each subcommand, what it says to people and to programs, and its exit status."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.appkit.cli.command import CommandHere, one_sentence
from tests.helpers.model_home import give_model

NOTES = {
    "pump.md": "# Pump\n\nThe pump is covered by a warranty of two years.\n\n# Noise\n\nIt hums at 40 decibels.\n",
    "garden.txt": "Tomatoes need water every morning. Basil grows well beside them.\n",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With the English embedder and nothing else."""
    home = tmp_path / "home"
    home.mkdir()
    give_model("minilm-l6", home)
    return home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, content in NOTES.items():
        (folder / name).write_text(content)
    return folder


class IndexCommand:
    """`appkit index COMMAND FOLDER ARGS`, with `--json` where it is called."""

    def __init__(self, run: CommandHere, folder: Path, home: Path) -> None:
        self._run = run
        self._folder = folder
        self._home = home

    def __call__(self, command: str, *args: str, status: int = 0) -> Any:
        done = self.people(command, *args, "--json")
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    def people(self, command: str, *args: str, **extra: Any) -> "subprocess.CompletedProcess[str]":
        return self._run("index", command, str(self._folder), *args, **{"home": self._home, **extra})


@pytest.fixture
def index(appkit_here: CommandHere, folder: Path, home: Path) -> IndexCommand:
    return IndexCommand(appkit_here, folder, home)


def test_sync_adds_updates_and_deletes_and_a_dry_run_only_says_so(index: IndexCommand, folder: Path) -> None:
    assert index("sync")["added"] == ["garden.txt", "pump.md"]
    (folder / "garden.txt").unlink()
    (folder / "pump.md").write_text("The pump is covered for three years.\n")
    (folder / "new.md").write_text("Something new.\n")
    planned = index("sync", "--dry-run")
    assert planned["num_documents"] == 2
    done = index("sync")
    for report in (planned, done):
        assert (report["added"], report["updated"], report["deleted"]) == (["new.md"], ["pump.md"], ["garden.txt"])
    assert index("sync")["unchanged"] == 2


def test_people_read_numbers_and_chinese_people_chinese(index: IndexCommand) -> None:
    said = index.people("sync").stdout
    assert said == "Documents: 2, in 2 chunks. Added 2, updated 0, deleted 0, unchanged 0.\n"
    said = index.people("sync", LANG="zh_CN.UTF-8").stdout
    assert said.startswith("共 2 个文档、2 个片段：新增 0")


def test_search_finds_by_meaning_and_gives_each_score(index: IndexCommand) -> None:
    index("sync")
    best = index("search", "vegetables and herbs", "--limit", "1")[0]
    assert best["file"] == "garden.txt"
    assert NOTES["garden.txt"][best["start"] : best["end"]] == best["text"]
    assert {"dense", "rrf"} <= set(best["scores"])
    shown = index.people("search", "warranty", "--method", "bm25").stdout
    assert shown.startswith("1. pump.md")
    assert index("search", "warranty", "--filter", 'source != "pump.md"', "--method", "bm25") == []


def test_rm_takes_out_files_or_the_index_and_leaves_the_folder_alone(index: IndexCommand, folder: Path) -> None:
    index("sync")
    assert index("rm", "garden.txt") == {"removed": ["garden.txt"]}
    assert index("stats")["num_documents"] == 1
    refused = index.people("rm", stdin="\n")
    assert refused.returncode == 1
    assert "Nothing was removed" in refused.stderr
    path = Path(index("rm", "--yes")["removed_index"])
    assert not path.exists()
    assert sorted(os.listdir(folder)) == sorted(NOTES)
    assert "has no index yet: appkit index sync" in one_sentence(index.people("stats"))


def test_verify_finds_a_flipped_byte_and_repair_mends_it(index: IndexCommand, home: Path) -> None:
    index("sync")
    assert index("verify") == {"intact": True, "problems": [], "repaired": False}
    [vectors] = [path for path in (home / "indexes").rglob("*") if "vector" in path.name and path.is_file()]
    content = bytearray(vectors.read_bytes())
    content[len(content) // 2] ^= 1
    vectors.write_bytes(content)
    damaged = index("verify", status=1)
    assert len(damaged["problems"]) == 1
    assert index("verify", "--repair")["repaired"] is True
    assert index("verify")["intact"] is True
    assert index("search", "tomatoes", "--limit", "1")[0]["file"] == "garden.txt"


def test_another_embedder_is_refused_and_rebuild_takes_it(index: IndexCommand, home: Path) -> None:
    index("sync")
    sentence = one_sentence(index.people("sync", "--embedder", "e5-small-multilingual"))
    assert "minilm-l6" in sentence
    assert "appkit index rebuild" in sentence
    give_model("e5-small-multilingual", home)
    assert index("rebuild", "--embedder", "e5-small-multilingual")["embedder_name"] == ("e5-small-multilingual")
    assert index("search", "番茄什么时候浇水", "--limit", "1")[0]["file"] == "garden.txt"


def test_a_missing_embedder_is_named_with_the_way_to_get_it(index: IndexCommand, tmp_path: Path) -> None:
    sentence = one_sentence(index.people("sync", home=tmp_path / "empty"))
    assert "appkit models pull minilm-l6" in sentence


def encrypted_pdf() -> bytes:
    import io

    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.add_blank_page(width=100, height=100)
    writer.encrypt("secret", algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def test_files_that_cannot_be_read_are_named_at_the_end_and_the_status_is_three(
    index: IndexCommand, folder: Path
) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing of the kind")
    (folder / "locked.pdf").write_bytes(encrypted_pdf())
    (folder / "empty.md").touch()
    (folder / "binary.txt").write_bytes(bytes(range(256)) * 40)
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "loop").symlink_to(folder)
    done = index.people("sync")
    assert done.returncode == 3
    assert done.stdout.startswith("Documents: 2, ")
    assert "Traceback" not in done.stderr
    reasons = {line.split()[0]: line.split("(")[1].split(")")[0] for line in done.stderr.splitlines() if "  " in line}
    assert reasons["broken.pdf"] == "corrupt"
    assert reasons["locked.pdf"] == "encrypted"
    assert reasons["empty.md"] == "empty"
    assert reasons["binary.txt"] == "binary"
    assert "picture.png" not in reasons
    assert "Left aside 1 of kinds that are not read." in done.stderr
    again = index("sync", status=3)
    assert again["skipped_counts"]["corrupt"] == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(index: IndexCommand, folder: Path) -> None:
    (folder / "pump.md").chmod(0)
    skipped = index("sync", status=3)["skipped"]
    assert [(file["source"], file["reason"]) for file in skipped] == [("pump.md", "unreadable")]


def test_a_folder_of_nothing_but_other_kinds_is_no_failure(index: IndexCommand, folder: Path) -> None:
    for name in NOTES:
        (folder / name).rename(folder / f"{name}.png")
    assert index("sync")["num_documents"] == 0


@pytest.mark.parametrize("command", [["sync"], ["search", "pump"], ["rm"], ["stats"], ["verify"]], ids=lambda c: c[0])
def test_a_folder_that_is_not_there_or_is_a_file_is_one_sentence(
    command: list[str], appkit_here: CommandHere, tmp_path: Path
) -> None:
    name, *rest = command
    missing = tmp_path / "nowhere"
    assert one_sentence(appkit_here("index", name, str(missing), *rest, home=tmp_path)) == (
        f"Error: There is no folder {missing}."
    )
    file = tmp_path / "file.md"
    file.touch()
    assert "is a file; name the folder" in one_sentence(appkit_here("index", name, str(file), *rest, home=tmp_path))


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["pump", "--filter", "source ="], "filter"),
        (["pump", "--method", "magic"], "hybrid, dense, bm25"),
        (["  "], "empty"),
    ],
)
def test_a_search_that_cannot_be_is_one_sentence(args: list[str], says: str, index: IndexCommand) -> None:
    index("sync")
    assert says in one_sentence(index.people("search", *args))


def test_an_index_of_another_version_is_refused_with_the_way_out(index: IndexCommand, home: Path) -> None:
    index("sync")
    [manifest] = (home / "indexes").rglob("manifest.json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 99}))
    assert "99" in one_sentence(index.people("search", "pump"))
