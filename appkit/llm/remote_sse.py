"""Server-sent events: a stream of bytes to the data of its events, however the bytes are cut.

Source: WHATWG HTML, section 9.2 (event stream). Only `data` matters here; other fields are read and left. As it says,
an event that no blank line ends is none: the connection broke in it.
"""

_BOM = b"\xef\xbb\xbf"


class SseParser:
    """Takes bytes as they come and gives the data of each event that has ended.

    Args:
        max_event_bytes: longest line, and most data of one event, that is accepted.
    """

    def __init__(self, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._rest = bytearray()  # begins a line, holds no line break
        self._data: list[bytes] = []
        self._num_data_bytes = 0
        self._is_after_cr = False
        self._is_first_line = True

    def feed(self, chunk: bytes) -> list[str]:
        """Data of the events that end in `chunk`, the lines of each joined by line feeds.

        Raises:
            ValueError: an event is longer than accepted, or is not UTF-8.
        """
        if self._is_after_cr and chunk:  # a line feed here belongs to the carriage return before it
            chunk = chunk.removeprefix(b"\n")
            self._is_after_cr = False
        self._is_after_cr |= chunk.endswith(b"\r")
        *ended, rest = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        events: list[str] = []
        for line in ended:
            self._extend(line)
            self._end_line(events)
        self._extend(rest)
        return events

    def _extend(self, part: bytes) -> None:
        if len(self._rest) + len(part) > self._max_event_bytes:
            raise ValueError(f"a line is longer than {self._max_event_bytes:,} bytes")
        self._rest += part

    def _end_line(self, events: list[str]) -> None:
        line = bytes(self._rest)
        self._rest.clear()
        if self._is_first_line:
            line = line.removeprefix(_BOM)
            self._is_first_line = False
        if not line:
            if self._data:
                events.append(b"\n".join(self._data).decode("utf-8"))  # UnicodeDecodeError is a ValueError
            self._data.clear()
            self._num_data_bytes = 0
            return
        name, _, value = line.partition(b":")
        if name != b"data":
            return
        self._num_data_bytes += len(value) + 1
        if self._num_data_bytes > self._max_event_bytes:
            raise ValueError(f"an event is longer than {self._max_event_bytes:,} bytes")
        self._data.append(value.removeprefix(b" "))
