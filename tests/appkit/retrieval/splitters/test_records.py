from appkit.retrieval.splitters import split_records
from tests.appkit.retrieval.splitters.documents import count_words, document, row_table


def test_a_chunk_holds_whole_rows() -> None:
    doc = row_table(7)
    chunks = split_records(doc, max_tokens=20, count_tokens=count_words)  # a row counts 7
    assert "".join(chunk.text + "\n\n" for chunk in chunks) == doc.text
    assert [chunk.text.count("name:") for chunk in chunks] == [2, 2, 2, 1]


def test_only_a_chunk_of_one_row_names_the_row() -> None:
    doc = row_table(3)
    assert {chunk.section_path for chunk in split_records(doc, max_tokens=100, count_tokens=count_words)} == {()}
    paths = [chunk.section_path for chunk in split_records(doc, max_tokens=10, count_tokens=count_words)]
    assert paths == [("row 2",), ("row 3",), ("row 4",)]


def test_a_large_record_is_cut_at_its_sentences() -> None:
    doc = row_table(1)
    text = "name: Pump\nnotes: It is old. It leaks a lot. It was bought in May. It goes in June.\n"
    chunks = split_records(document(text, doc.media_type, doc.sections), max_tokens=16, count_tokens=count_words)
    assert len(chunks) == 2 and all(chunk.text.endswith(".") for chunk in chunks)


def test_lines_are_records_where_there_are_no_sections() -> None:
    chunks = split_records(
        document("a: 1. B\nc: 2. D\ne: 3. F\n" * 3, "application/jsonl"), max_tokens=10, count_tokens=count_words
    )
    assert {line for chunk in chunks for line in chunk.text.split("\n")} == {"a: 1. B", "c: 2. D", "e: 3. F"}
