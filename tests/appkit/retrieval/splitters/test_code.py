from appkit.retrieval.splitters import split_code
from tests.appkit.retrieval.splitters.documents import count_words, document

PYTHON = """import os


# Says hello.
@cached
def hello():
    print("a")

    return 1


class Pump:
    def start(self):
        return 1

    def stop(self):
        return 2
"""


def texts(code: str, max_tokens: int) -> list[str]:
    chunks = split_code(
        document(code, "text/x-python"), max_tokens=max_tokens, overlap_tokens=0, count_tokens=count_words
    )
    return [chunk.text for chunk in chunks]


def test_a_small_file_is_one_chunk() -> None:
    assert texts(PYTHON, 100) == [PYTHON.strip()]


def test_chunks_end_between_definitions() -> None:
    assert [text.split("\n")[0] for text in texts(PYTHON, 34)] == ["import os", "class Pump:"]


def test_comments_and_decorators_stay_with_their_definition() -> None:
    code = "x = 1\ny = 2\nz = 3\n\n# Says hello.\n@cached\ndef hello():\n    return 1\n"
    assert texts(code, 20) == ["x = 1\ny = 2\nz = 3", "# Says hello.\n@cached\ndef hello():\n    return 1"]


def test_methods_are_kept_whole_where_they_fit() -> None:
    assert texts(PYTHON[PYTHON.index("class") :], 16) == [
        "class Pump:\n    def start(self):\n        return 1",
        "def stop(self):\n        return 2",
    ]


def test_lines_are_kept_whole_where_they_fit() -> None:
    lines = [f"value_{idx} = compute({idx}). Other" for idx in range(30)]
    assert [line for text in texts("\n".join(lines), 25) for line in text.split("\n")] == lines


def test_other_languages_have_definitions_too() -> None:
    code = "use std::fs;\nconst A: u8 = 1;\n\n/// Doc.\npub fn run() {\n    go();\n}\n\nimpl Pump {\n    fn a() {}\n}\n"
    assert [text.split("\n")[0] for text in texts(code, 20)] == ["use std::fs;", "/// Doc.", "impl Pump {"]
