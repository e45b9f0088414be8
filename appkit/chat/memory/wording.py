"""The words around what is remembered, in the language of the conversation."""

from typing import Literal

Language = Literal["en", "zh"]

FACTS = {"en": "Keep in mind:\n{text}", "zh": "请记住：\n{text}"}
SUMMARY = {"en": "What this conversation was about before: {text}", "zh": "这次对话此前的内容：{text}"}
RECALLED = {"en": "Said earlier in this conversation:\n{text}", "zh": "这次对话中较早说过的：\n{text}"}
SPEAKER = {
    "en": {"user": "User: ", "assistant": "Assistant: ", "tool": "Tool: "},
    "zh": {"user": "用户：", "assistant": "助手：", "tool": "工具："},
}
