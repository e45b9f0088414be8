"""Finds the data that the project does not carry: in the folder that the environment variable APPKIT_DATA names."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from appkit.errors import EvaluationDataError

VARIABLE = "APPKIT_DATA"
# what each part of that folder holds and who publishes it, for people who have to find it
COLLECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "clapnq": "CLAPNQ, its development questions as answerable.jsonl and unanswerable.jsonl (arXiv:2404.02103)",
        "cranfield": "the Cranfield abstracts and queries as cran.all.1400.xml, cran.qry.xml and cranqrel.trec.txt",
        "gsm8k": "GSM8K, the first 400 problems of its test part as test-400.jsonl (arXiv:2110.14168)",
        "wikitext2": "WikiText-2, its validation text with <unk> as valid.txt (arXiv:1609.07843)",
    }
)


def data_path(name: str) -> Path:
    """The file or folder `name` of the data folder, "gsm8k/test-400.jsonl" for one; it exists.

    Raises:
        EvaluationDataError: APPKIT_DATA is not set, or nothing is there under this name.
    """
    collection = PurePosixPath(name).parts[0]
    what = COLLECTIONS.get(collection, "part of the evaluation data")
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise EvaluationDataError(
            f"{name} is needed and not part of this package: {what}; set {VARIABLE} to the folder that holds "
            f"{collection}.",
            name,
        )
    path = Path(folder, name)
    if not path.exists():
        raise EvaluationDataError(
            f"{name} is not in {folder}, where {VARIABLE} points: {what}; put it there, or set {VARIABLE} to the "
            f"folder that holds {collection}.",
            str(path),
        )
    return path
