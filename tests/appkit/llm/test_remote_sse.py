"""Events come out the same however the network cuts the bytes, and nothing in them can grow without bound."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appkit.llm.remote_sse import SseParser

LIMIT = 10_000
LINE_ENDS = ("\n", "\r\n", "\r")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[str]]:
    """Bytes of a stream, its line ends of all three kinds, and the data of its events."""
    data = draw(st.lists(TEXTS, max_size=6))
    end = st.sampled_from(LINE_ENDS)
    parts = [draw(st.sampled_from(["", "\ufeff"]))]
    for text in data:
        if draw(st.booleans()):
            parts += [draw(st.sampled_from([": a comment", "event: message", "id: 7", "retry", "数据: x"])), draw(end)]
        parts += ["data: ", json.dumps(text, ensure_ascii=draw(st.booleans())), draw(end)]
        # "\r" followed by "\n" would be one line end, not two
        parts += [draw(st.sampled_from(["\n", "\r\n"]) if parts[-1] != "\r" else st.sampled_from(["\r", "\r\n"]))]
    return "".join(parts).encode(), data


@given(streams(), st.data())
def test_any_cut_gives_the_same_events(stream: tuple[bytes, list[str]], draws: st.DataObject) -> None:
    data, texts = stream
    cuts = sorted(draws.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    parser = SseParser(LIMIT)
    events = [
        event
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)
        for event in parser.feed(data[start:end])
    ]
    assert [json.loads(event) for event in events] == texts


@pytest.mark.parametrize("end", LINE_ENDS)
def test_every_single_cut_gives_the_same_events(end: str) -> None:
    data = f'data: {{"a": "好😀"}}{end}{end}: ping{end}data: one{end}data:two{end}{end}'.encode()
    for cut in range(len(data) + 1):
        parser = SseParser(LIMIT)
        assert parser.feed(data[:cut]) + parser.feed(data[cut:]) == ['{"a": "好😀"}', "one\ntwo"], cut
    parser = SseParser(LIMIT)
    assert [event for byte in data for event in parser.feed(bytes((byte,)))] == ['{"a": "好😀"}', "one\ntwo"]


def test_an_event_that_nothing_ended_is_none() -> None:
    assert SseParser(LIMIT).feed(b'data: {"half": ') == []
    assert SseParser(LIMIT).feed(b"data: whole line\n") == []


def test_a_line_without_an_end_is_refused_at_the_limit() -> None:
    parser = SseParser(100)
    parser.feed(b"data: " + b"x" * 94)
    with pytest.raises(ValueError, match="a line is longer than 100 bytes"):
        parser.feed(b"x")


def test_an_event_of_many_short_lines_is_refused_at_the_limit() -> None:
    with pytest.raises(ValueError, match="an event is longer than 100 bytes"):
        SseParser(100).feed(b"data: x\n" * 101)


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        SseParser(LIMIT).feed(b"data: \xff\xfe\n\n")
