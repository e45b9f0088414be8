"""What the command line says to people, in English and in Chinese.

The language follows the locale: LC_ALL, else LC_MESSAGES, else LANG. Errors of the libraries below stay in English.
"""

import os

_TEXTS: dict[str, tuple[str, str]] = {
    # key: (English, Chinese)
    "error": ("Error: {message}", "错误：{message}"),
    "note": ("Note: {message}", "提示：{message}"),
    "chat_banner": (
        "{model}, {max_seq_len:,} tokens of context. /help lists commands; Ctrl-C stops an answer, Ctrl-D leaves.",
        "{model}，上下文 {max_seq_len:,} 个词元。/help 查看命令；Ctrl-C 停止回答，Ctrl-D 退出。",
    ),
    "chat_help": (
        "/help           this list\n"
        "/system [text]  show the system message, or set it for what follows\n"
        "/stats          tokens and speeds so far\n"
        "/reset          begin a new conversation\n"
        "/exit           leave\n"
        "//text          send a message that begins with a slash",
        "/help           显示本列表\n"
        "/system [文字]  显示系统提示；给出文字则从下一轮起改用它\n"
        "/stats          到目前为止的词元数和速度\n"
        "/reset          开始新的对话\n"
        "/exit           退出\n"
        "//文字          发送以斜杠开头的消息",
    ),
    "chat_stopped": ("(stopped)", "（已停止）"),
    "chat_leave": ("Ctrl-C once more, or Ctrl-D, leaves.", "再按一次 Ctrl-C，或按 Ctrl-D，退出。"),
    "chat_reset": ("A new conversation.", "新的对话。"),
    "chat_system_is": ("System message: {system}", "系统提示：{system}"),
    "chat_system_none": ("There is no system message.", "没有系统提示。"),
    "chat_system_set": ("From the next turn on: {system}", "从下一轮起：{system}"),
    "chat_unknown": ("{command} is no command; /help lists them.", "没有 {command} 这个命令；/help 查看命令。"),
    "chat_stats": (
        "Turns: {turns}. Tokens read: {prompt_tokens:,}, of them from the cache: {cached_tokens:,}; written: "
        "{completion_tokens:,}. Last turn: first token after {ttft_s:.2f} s, reading {prefill_tok_s:,.0f} tok/s, "
        "writing {decode_tok_s:,.1f} tok/s.",
        "共 {turns} 轮。读入 {prompt_tokens:,} 个词元，其中 {cached_tokens:,} 个来自缓存；"
        "写出 {completion_tokens:,} 个。"
        "上一轮：首词元 {ttft_s:.2f} 秒，读 {prefill_tok_s:,.0f} 词元/秒，写 {decode_tok_s:,.1f} 词元/秒。",
    ),
    "pull_question": (
        "{model} is not on this machine yet. Fetch it now ({size_mb:,.0f} MB, licence {licence})? [Y/n] ",
        "本机还没有 {model}。现在下载吗（{size_mb:,.0f} MB，许可证 {licence}）？[Y/n] ",
    ),
    "prompt_missing": (
        'There is no prompt: give one, as in appkit run "Why is the sky blue?", or pipe text in.',
        '没有提示词：请给出，例如 appkit run "天空为什么是蓝色的？"，或用管道传入文字。',
    ),
    "doctor_healthy": ("Everything needed is here.", "一切就绪。"),
    "doctor_problems": ("Problems:", "问题："),
    "doctor_fix": ("  fix: {fix}", "  解决办法：{fix}"),
}


def is_chinese_locale() -> bool:
    """Whether the user's locale asks for Chinese."""
    chosen = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return chosen.lower().startswith("zh")


def text(key: str, **values: object) -> str:
    """The text named `key` in the user's language, with `values` filled in."""
    english, chinese = _TEXTS[key]
    return (chinese if is_chinese_locale() else english).format(**values)
