"""`appkit extract`: the object that is printed, and what a person is told when there is none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.appkit.cli.command import CommandHere, appkit, one_sentence
from tests.helpers.model_home import give_model

FIELDS = "name, age int, tags [str]"
ANSWER = '{"name":"Ann","age":34,"tags":["chess","maps"]}'


@pytest.fixture
def note(tmp_path: Path) -> str:
    path = tmp_path / "note.txt"
    path.write_text("Ann, 34, likes chess and maps.\n", "utf-8")
    return str(path)


def test_the_object_is_printed_as_json(note: str, tmp_path: Path) -> None:
    done = appkit("extract", note, "--schema", FIELDS, "-m", f"scripted:{ANSWER}", "--json", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"name": "Ann", "age": 34, "tags": ["chess", "maps"]}


def test_a_person_reads_a_field_a_line(note: str, tmp_path: Path, appkit_here: CommandHere) -> None:
    done = appkit_here("extract", note, "--schema", FIELDS, "-m", f"scripted:{ANSWER}", home=tmp_path)
    assert done.stdout == "name: Ann\nage: 34\ntags: chess, maps\n"
    nothing = appkit_here("extract", note, "--schema", "a int?", "-m", 'scripted:{"a":null}', home=tmp_path)
    assert nothing.stdout == "a: -\n"


def test_many_objects_are_a_list(note: str, tmp_path: Path, appkit_here: CommandHere) -> None:
    command = ("extract", note, "--schema", "name", "--many", "-m")
    done = appkit_here(*command, 'scripted:[{"name":"Ann"},{"name":"Bo"}]', home=tmp_path)
    assert done.stdout == "1.\nname: Ann\n\n2.\nname: Bo\n"
    assert appkit_here(*command, "scripted:[]", home=tmp_path).stdout == "Nothing was found.\n"
    chinese = appkit_here(*command, "scripted:[]", home=tmp_path, LC_ALL="zh_CN.UTF-8")
    assert chinese.stdout == "没有找到。\n"


def test_a_schema_comes_from_a_file_too(note: str, tmp_path: Path, appkit_here: CommandHere) -> None:
    path = tmp_path / "fields.json"
    path.write_text('{"type":"object","properties":{"a":{"type":"integer","minimum":3}},"required":["a"]}', "utf-8")
    command = ("extract", note, "--schema", str(path), "--json", "-m")
    assert appkit_here(*command, 'scripted:{"a":3}', home=tmp_path).stdout == '{"a": 3}\n'
    done = appkit_here(*command, 'scripted:{"a":2}', home=tmp_path)
    assert "no usable JSON in 3 tries" in one_sentence(done)
    assert "a is 2: it should be at least 3." in done.stderr


def test_standard_input_is_read(tmp_path: Path) -> None:
    command = ("extract", "-", "--schema", "name", "-m", 'scripted:{"name":"Ann"}', "--json")
    assert appkit(*command, home=tmp_path, stdin="Ann was here.").stdout == '{"name": "Ann"}\n'
    assert "Standard input has no text" in one_sentence(appkit(*command, home=tmp_path, stdin=" \n"))
    assert "not UTF-8" in one_sentence(appkit(*command, home=tmp_path, stdin=b"\xff"))


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("a strong", "'strong' is no type"),
        ("", "name of a field is missing"),
        ("nowhere.json", "No such file"),
        ("bad.json", "is no JSON Schema"),
        ("list.json", "names no fields"),
        ("wrong.json", "#/properties/a/type"),
        ("contradicts.json", "#/properties/a of the JSON schema contradicts itself"),
    ],
)
def test_a_wrong_schema_is_one_sentence(
    schema: str, why: str, note: str, tmp_path: Path, appkit_here: CommandHere
) -> None:
    texts = {
        "bad.json": "[",
        "list.json": "[]",
        "wrong.json": '{"type":"object","properties":{"a":{"type":"objekt"}}}',
        "contradicts.json": '{"type":"object","properties":{"a":{"minimum":3,"maximum":2}}}',
    }
    for name, content in texts.items():
        (tmp_path / name).write_text(content, "utf-8")
    given = str(tmp_path / schema) if schema.endswith(".json") else schema
    done = appkit_here("extract", note, "--schema", given, "-m", "scripted:{}", home=tmp_path)
    assert why in one_sentence(done)


def test_a_text_that_does_not_fit_names_its_tokens(tmp_path: Path, appkit_here: CommandHere) -> None:
    path = tmp_path / "long.txt"
    path.write_text("word " * 5000, "utf-8")
    done = appkit_here("extract", str(path), "--schema", "name", "-m", 'scripted:{"name":"Ann"}', home=tmp_path)
    assert "tokens and scripted holds 8,192" in one_sentence(done)


def test_a_file_that_is_none_is_one_sentence(tmp_path: Path, appkit_here: CommandHere) -> None:
    done = appkit_here("extract", str(tmp_path / "no.txt"), "--schema", "name", "-m", "scripted:{}", home=tmp_path)
    assert "no.txt: It does not exist" in one_sentence(done)


def test_an_answer_that_the_limit_ended_is_noted(note: str, tmp_path: Path, appkit_here: CommandHere) -> None:
    command = ("extract", note, "--schema", "name", "-m", 'scripted:{"name":"Ann"}', "--json", "--max-tokens", "14")
    done = appkit_here(*command, home=tmp_path)
    assert done.stdout == '{"name": "Ann"}\n'
    assert "the limit of 14 tokens ended the answer, so something may be missing" in done.stderr


def test_no_deep_learning_library_is_loaded(note: str, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom appkit.cli.main import main\n"
        f"try:\n    main(['extract', {note!r}, '--schema', 'name', '-m', 'scripted:{{\"name\":\"Ann\"}}'])\n"
        "finally:\n    print({'torch', 'transformers', 'outlines', 'httpx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "name: Ann\nset()\n"


def test_a_real_model_reads_a_text(note: str, tmp_path: Path) -> None:
    give_model("smollm2-135m", tmp_path)
    done = appkit("extract", note, "--schema", FIELDS, "--json", home=tmp_path)
    assert json.loads(done.stdout) == {"name": "Ann", "age": 34, "tags": ["chess", "maps"]}
