"""What a run did, as JSON lines: written while it happens, read back line by line, whoever wrote them."""

from appkit.trace.reader import Trace, TraceRecord, read_trace
from appkit.trace.writer import TraceWriter

__all__ = ["Trace", "TraceRecord", "TraceWriter", "read_trace"]
