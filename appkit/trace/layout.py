"""How a trace is laid out, for the writer and the reader.

    {"format": "appkit-trace", "version": 1, "created": "2026-03-01T09:30:00Z", "python": "3.11.9", …}
    {"kind": "run", "time_s": 0.002, …}
    {"kind": "step", "time_s": 1.731, …}

One JSON object a line, in UTF-8. The first says what the file is and, in further members, what it takes to run the same
again; each other one is a record: its `kind`, the seconds since the trace was opened, and members that its kind
decides. A line ends with "\\n"; a last line without one was being written when its writer died.
"""

FORMAT = "appkit-trace"
VERSION = 1
HEAD_MEMBERS = ("format", "version", "created")
RECORD_MEMBERS = ("kind", "time_s")

MAX_LINE_BYTES = 4 << 20  # the ids of a prompt of 500,000 tokens
MAX_TRACE_BYTES = 128 << 20  # what is read without being asked to read more
MAX_DEPTH = 64  # of lists and objects within a record
