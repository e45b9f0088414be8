"""`appkit adapters`: looked at, merged, tied to another file; and what it says when that cannot be."""

import json
from pathlib import Path

import pytest

from runtime import load_model, read_peft, write_peft
from tests.appkit.cli.command import CommandHere, one_sentence
from tests.helpers.tiny_adapter import write_tiny_adapter
from tests.helpers.tiny_model import write_tiny_model
from tests.helpers.virtual_tokens import KINDS, random_virtual_tokens


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("base") / "tiny.gguf", format="Q4_0")


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_adapter(base, tmp_path_factory.mktemp("adapters") / "mine")


@pytest.fixture
def appkit_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandHere:
    return CommandHere(monkeypatch, capsys)


def test_info_says_what_it_is(appkit_here: CommandHere, base: Path, adapter: Path, tmp_path: Path) -> None:
    done = appkit_here("adapters", "info", str(adapter), "-m", str(base), home=tmp_path)
    lines = dict(line.split(":", 1) for line in done.stdout.splitlines()[:-1])
    shown = {name: value.strip() for name, value in lines.items()}
    assert (shown["name"], shown["kind"], shown["base model"], shown["rank"]) == ("mine", "LoRA", "tiny", "2")
    assert shown["modules"] == "attn_q ×2, ffn_up ×2"
    assert shown["parameters"] == f"{2 * (2 * (64 + 64) + 2 * (64 + 96)):,}"
    assert done.stdout.splitlines()[-1] == f"Fits {base}."
    found = json.loads(appkit_here("adapters", "info", str(adapter), "--json", home=tmp_path).stdout)
    assert found["modules"] == {"attn_q": 2, "ffn_up": 2} and len(found["base_sha256"]) == 64


@pytest.mark.parametrize("kind", KINDS)
def test_virtual_tokens_are_shown_and_tied_and_not_merged(
    kind: str, appkit_here: CommandHere, base: Path, tmp_path: Path
) -> None:
    folder, tied = tmp_path / "mine", tmp_path / "tied"
    other = write_tiny_model(tmp_path / "other.gguf", format="Q8_0")
    with load_model(base) as model:
        adapter = random_virtual_tokens(kind, model.config)
        write_peft(folder, adapter, model)
    shown = appkit_here("adapters", "info", str(folder), home=tmp_path).stdout.splitlines()
    assert [shown[1].split(), shown[4].split()] == [["kind:", kind, "tuning"], ["virtual", "tokens:", "5"]]
    appkit_here("adapters", "rebind", str(folder), "-m", str(other), "-o", str(tied), home=tmp_path)
    with load_model(other) as model:
        assert read_peft(tied, model).digest == adapter.digest
    done = appkit_here("adapters", "merge", str(folder), "-m", str(base), "-o", str(tmp_path / "x.gguf"), home=tmp_path)
    assert "only LoRA and DoRA change matrices that are there" in one_sentence(done)


def test_info_holds_it_against_a_model(appkit_here: CommandHere, adapter: Path, tmp_path: Path) -> None:
    other = write_tiny_model(tmp_path / "other.gguf", seed=9)
    done = appkit_here("adapters", "info", str(adapter), "-m", str(other), home=tmp_path)
    assert "was trained on 'tiny'" in one_sentence(done)


def test_a_merged_file_says_what_rounding_took(
    appkit_here: CommandHere, base: Path, adapter: Path, tmp_path: Path
) -> None:
    path = tmp_path / "merged.gguf"
    command = ("adapters", "merge", str(adapter), "-m", str(base), "-o", str(path))
    done = appkit_here(*command, home=tmp_path)
    first, rounding, logits = done.stdout.splitlines()
    assert first == f"{path} does alone what mine does with tiny; 4 matrices are merged."
    assert rounding.startswith("Rounding to Q4_0 took ") and "logits differ by at most" in logits
    finer = json.loads(appkit_here(*command, "--format", "F32", "--json", home=tmp_path).stdout)
    assert finer["lost"] == 0 and finer["logits"]["num_same"] == finer["logits"]["num_tokens"] > 50
    with load_model(path) as merged:
        assert merged.kind == "base"


def test_a_folder_becomes_a_checkpoint(appkit_here: CommandHere, base: Path, adapter: Path, tmp_path: Path) -> None:
    command = ("adapters", "merge", str(adapter), "-m", str(base), "-o", str(tmp_path / "merged"))
    done = appkit_here(*command, home=tmp_path, LANG="zh_CN.UTF-8")
    assert "BF16" in done.stdout and "分词器" in done.stdout
    assert {path.name for path in (tmp_path / "merged").iterdir()} == {"config.json", "model.safetensors"}
    assert "choose from F32, F16, BF16" in one_sentence(appkit_here(*command, "--format", "Q8_0", home=tmp_path))


def test_rebinding_ties_it_to_another_file(appkit_here: CommandHere, adapter: Path, tmp_path: Path) -> None:
    finer = write_tiny_model(tmp_path / "finer.gguf", format="Q8_0")
    target = tmp_path / "rebound"
    command = ("adapters", "rebind", str(adapter), "-m", str(finer), "-o")
    assert appkit_here(*command, str(target), home=tmp_path).returncode == 0
    with load_model(finer) as model:
        assert read_peft(target, model).digest == read_peft(adapter, model, check_base=False).digest
    assert "own folder" in one_sentence(appkit_here(*command, str(adapter), home=tmp_path))


@pytest.mark.parametrize("command", [("info",), ("merge", "-o", "x.gguf"), ("rebind", "-o", "x")])
def test_a_folder_that_is_no_adapter_is_one_sentence(
    appkit_here: CommandHere, command: tuple[str, ...], base: Path, tmp_path: Path
) -> None:
    done = appkit_here("adapters", command[0], str(tmp_path), "-m", str(base), *command[1:], home=tmp_path)
    assert "has no adapter_config.json" in one_sentence(done)
