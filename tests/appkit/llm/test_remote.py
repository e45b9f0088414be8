"""The remote model keeps the contract over a real server, and its own promises about keys, counts and settings."""

from collections.abc import Iterator

import pytest

from appkit import LocalModel, ScriptedModel
from appkit.llm.base import LanguageModel
from appkit.llm.remote import RemoteModel
from tests.contracts.language_model import LanguageModelContract
from tests.helpers.openai_server import Tokenize, serve
from tests.helpers.real_models import real_model

KV_BUDGET_BYTES = 64 << 20


@pytest.fixture(scope="module")
def local_model() -> Iterator[LocalModel]:
    with LocalModel(real_model("smollm2-135m"), num_threads=1, kv_budget_bytes=KV_BUDGET_BYTES) as model:
        yield model


class RemoteContract(LanguageModelContract):
    """Over a server that a subclass describes."""

    tokenize: Tokenize | None = "vllm"
    owned_by = "vllm"

    @pytest.fixture
    def served(self, local_model: LocalModel) -> LanguageModel:
        return local_model

    @pytest.fixture
    def model(self, served: LanguageModel) -> Iterator[RemoteModel]:
        with (
            serve(served, tokenize=self.tokenize, owned_by=self.owned_by) as server,
            RemoteModel(server.spec) as model,
        ):
            yield model

    @pytest.fixture
    def fresh_model(self, model: RemoteModel) -> RemoteModel:
        return model


class TestRemoteModelThatCounts(RemoteContract):
    """smollm2-135m behind `/tokenize`."""


class TestRemoteModelThatEstimates(RemoteContract):
    """smollm2-135m behind a server that does not count."""

    tokenize = None


class TestRemoteScriptedModel(RemoteContract):
    """A server that is faster than whoever reads from it, and has tools."""

    @pytest.fixture
    def served(self, local_model: LocalModel) -> LanguageModel:
        return ScriptedModel(lambda prompt: "abcdefghijkl" * 40, max_seq_len=1000)


class TestRemoteScriptedModelOfLlamaCpp(TestRemoteScriptedModel):
    tokenize = "llamacpp"
    owned_by = "llamacpp"
