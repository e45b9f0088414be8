"""Conversations that chat templates are tried on: what people, models and tools say to each other."""

from typing import Any

WEATHER_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city, <now> & 'later'.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "城市"},
                "days": {"type": "integer", "enum": [1, 3]},
                "units": {"type": ["string", "null"]},
            },
            "required": ["city"],
        },
        "return": {"type": "string"},
    },
}
SEARCH_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "search", "description": "Search.", "parameters": {"type": "object", "properties": {}}},
}


def _call(name: str, arguments: Any, id: str = "call00001") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


SYSTEM = {"role": "system", "content": "You are brief."}
HELLO = {"role": "user", "content": "Hello!"}
ANSWER = {"role": "assistant", "content": "Hi. What can I do?"}
CALL = {"role": "assistant", "content": "", "tool_calls": [_call("weather", {"city": "北京", "days": 3})]}
RESULT = {"role": "tool", "name": "weather", "tool_call_id": "call00001", "content": '{"celsius": 21, "sky": "晴"}'}

CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "one": [HELLO],
    "system": [SYSTEM, HELLO],
    "turns": [SYSTEM, HELLO, ANSWER, {"role": "user", "content": "Count to 3."}],
    "answered": [HELLO, ANSWER],
    "chinese": [{"role": "system", "content": "请简短回答。"}, {"role": "user", "content": "保修期是多久？😀"}],
    "empty": [{"role": "system", "content": ""}, {"role": "user", "content": ""}],
    "spaces": [{"role": "user", "content": "  \n indented \n\n "}, ANSWER, HELLO],
    "call": [HELLO, CALL],
    "result": [SYSTEM, {"role": "user", "content": "北京天气？"}, CALL, RESULT],
    "after result": [HELLO, CALL, RESULT, {"role": "assistant", "content": "21 °C."}, HELLO],
    "two calls": [
        HELLO,
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [_call("weather", {"city": "A"}), _call("search", {"q": [1, None, True]}, "call00002")],
        },
        RESULT,
        {"role": "tool", "name": "search", "tool_call_id": "call00002", "content": "nothing"},
    ],
    "arguments as text": [
        HELLO,
        {"role": "assistant", "content": None, "tool_calls": [_call("weather", '{"city": 1}')]},
    ],
    "reasoning": [HELLO, {"role": "assistant", "content": "4", "reasoning_content": "2 + 2 = 4"}, HELLO],
    "thinking": [HELLO, {"role": "assistant", "content": "4", "thinking": "2 + 2"}, HELLO, CALL | {"thinking": "hm"}],
    "think tags": [HELLO, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes."}, HELLO],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "Look:"}, {"type": "text", "text": "天"}]}],
    "no answer": [SYSTEM],
    "two users": [HELLO, HELLO],
    "assistant first": [ANSWER, HELLO],
    "unknown role": [{"role": "critic", "content": "No."}, HELLO],
    "no content": [{"role": "user"}],
    "nothing": [],
}
