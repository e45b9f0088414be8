"""Documents that answer: point at a folder, ask, and open the place that a quote comes from.

python examples/02_ask.py [FOLDER [QUESTION …]]
"""

import sys
from pathlib import Path

from appkit import Index

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("documents")
questions = sys.argv[2:] or ["How thick must the concrete be?", "整机保修期是多久？", "Who is the president?"]

with Index.sync(folder) as index:  # only files that changed are read again
    for question in questions:
        answer = index.ask(question)
        print(f"> {question}\n{answer.text}")
        for number, citation in enumerate(answer.citations, start=1):
            page = f", page {citation.page_number}" if citation.page_number else ""
            print(f"[{number}] {citation.file}{page}, characters {citation.start} to {citation.end}")
            text = index.document_text(citation.file)
            assert text[citation.start : citation.end] == citation.quote  # always
