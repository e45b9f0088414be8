"""Models for tests of typed output."""

from appkit import ScriptedModel
from appkit.llm.base import Capability


class UnmaskedModel(ScriptedModel):
    """A scripted model that nothing holds to a form, as a remote one."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        return super().capabilities - {"constraint"}
