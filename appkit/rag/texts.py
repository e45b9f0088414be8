"""What answers say of themselves, in the language of the question."""

from appkit.llm.language import is_chinese

NOT_IN_DOCUMENTS = {
    "en": "I found no answer to this in these documents.",
    "zh": "在这些文档里没有找到答案。",
}


def not_in_documents(question: str) -> str:
    """The outcome of a question that the documents do not answer."""
    return NOT_IN_DOCUMENTS["zh" if is_chinese(question) else "en"]
