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
    "chat_kept": (
        "Kept on this machine as {id}: appkit chat -c goes on with it later, --no-log keeps nothing.",
        "对话保存在本机，编号 {id}：以后用 appkit chat -c 继续；--no-log 则不保存。",
    ),
    "chat_going_on": (
        "Going on with {id}, “{title}”; messages so far: {count:,}.",
        "继续对话 {id}“{title}”，已有 {count:,} 条消息。",
    ),
    "chat_not_logged": ("Nothing of this conversation is kept.", "本次对话不保存。"),
    "chat_template_lines": (
        "Each line you type becomes {variable} of the prompt {prompt}.",
        "输入的每一行都会填入提示词 {prompt} 的 {variable}。",
    ),
    "chat_help": (
        "/undo [n]       take back the last turn, or the last n\n"
        "/edit [text]    ask the last question anew; without a text it comes back for you to change\n"
        "/fork           go on in a copy; the conversation so far stays as it is\n"
        "/reset          begin a new conversation\n"
        "/save TITLE     give the conversation a title; /save FILE.jsonl writes it to a file\n"
        "/docs FOLDER    answer from the documents of a folder, quoted unless -m was given; /docs off ends that\n"
        "/system [text]  show the system message, or set it for what follows\n"
        "/context        what the model was shown in the last turn, in tokens\n"
        "/stats          tokens and speeds so far\n"
        "/help           this list\n"
        "/exit           leave\n"
        "//text          send a message that begins with a slash\n"
        "Enter sends. Alt-Enter, or a backslash before Enter, begins a new line; so does Enter between two lines "
        "of ```.\nPasted text keeps its lines. The arrow keys bring back what you typed before.",
        "/undo [n]       撤回上一轮，或最近 n 轮\n"
        "/edit [文字]    重问上一个问题；不给文字则把原问题取回供修改\n"
        "/fork           在副本中继续，原对话保持不变\n"
        "/reset          开始新的对话\n"
        "/save 标题      给对话起标题；/save 文件.jsonl 则写入文件\n"
        "/docs 文件夹    根据文件夹中的文档回答（未用 -m 时摘录原文）；/docs off 结束\n"
        "/system [文字]  显示系统提示；给出文字则从下一轮起改用它\n"
        "/context        上一轮给模型看的内容，以词元计\n"
        "/stats          到目前为止的词元数和速度\n"
        "/help           显示本列表\n"
        "/exit           退出\n"
        "//文字          发送以斜杠开头的消息\n"
        "回车发送。Alt-回车，或在行末输入反斜杠再回车，可换行；两行 ``` 之间按回车也是换行。\n"
        "粘贴的文字保留换行。方向键可找回以前输入的内容。",
    ),
    "chat_stopped": ("(stopped)", "（已停止）"),
    "chat_line_not_text": (
        "Line {number:,} of the input, or one soon after, is not UTF-8 text. Convert it first, as in: iconv -f GB18030 "
        "-t UTF-8",
        "输入的第 {number:,} 行或其后不远处不是 UTF-8 文本。请先转换，例如：iconv -f GB18030 -t UTF-8",
    ),
    "chat_no_history": (
        "What you type is not remembered for the next chat: {path}: {reason}.",
        "输入的内容不会留到下次对话：{path}：{reason}。",
    ),
    "chat_leave": ("Ctrl-C once more, or Ctrl-D, leaves.", "再按一次 Ctrl-C，或按 Ctrl-D，退出。"),
    "chat_reset": ("A new conversation.", "新的对话。"),
    "chat_system_is": ("System message: {system}", "系统提示：{system}"),
    "chat_system_none": ("There is no system message.", "没有系统提示。"),
    "chat_system_set": ("From the next turn on: {system}", "从下一轮起：{system}"),
    "chat_unknown": ("{command} is no command; /help lists them.", "没有 {command} 这个命令；/help 查看命令。"),
    "chat_unknown_near": (
        "{command} is no command; did you mean {near}? /help lists them.",
        "没有 {command} 这个命令；是不是 {near}？/help 查看命令。",
    ),
    "chat_no_turn_yet": ("Nothing was asked yet.", "还没有提过问题。"),
    "chat_dropped": (
        "Not shown to the model any more, for want of room: the first {count:,} turns. They stay in the conversation.",
        "空间不够，最早的 {count:,} 轮不再给模型看；它们仍保留在对话中。",
    ),
    "chat_parted": (
        "{before} was gone on with elsewhere meanwhile; this conversation is now {id}.",
        "{before} 同时在别处继续了；本次对话现在是 {id}。",
    ),
    "chat_undone": ("Taken back. The last question is now: {question}", "已撤回。现在的最后一个问题是：{question}"),
    "chat_undone_all": ("Taken back. The conversation is empty now.", "已撤回。对话现在是空的。"),
    "chat_undo_count": ("/undo takes a number of turns, not {given!r}.", "/undo 后面请给出轮数，而不是 {given!r}。"),
    "chat_undo_too_many": (
        "The conversation has {turns:,} turns; {count:,} cannot be taken back.",
        "对话只有 {turns:,} 轮，无法撤回 {count:,} 轮。",
    ),
    "chat_nothing_to_edit": ("There is no question to edit yet.", "还没有可以修改的问题。"),
    "chat_edit_needs_text": (
        "/edit needs the new question after it where nobody is there to change the old one.",
        "没有人能在此修改原问题时，请在 /edit 后面给出新问题。",
    ),
    "chat_forked": (
        "Going on in a copy, {id}. {before} stays as it is: appkit chat --cid {before}",
        "在副本 {id} 中继续。原对话 {before} 保持不变：appkit chat --cid {before}",
    ),
    "chat_forked_here": (
        "Going on in a copy. Nothing is kept (--no-log), so there is no way back to the first.",
        "在副本中继续。由于不保存对话（--no-log），无法再回到原对话。",
    ),
    "chat_not_kept": (
        "Nothing of this conversation is kept (--no-log), so it cannot be saved.",
        "本次对话不保存（--no-log），因此无法执行 /save。",
    ),
    "chat_save_what": (
        "/save takes a title, or a file whose name ends in .jsonl.",
        "/save 后面请给出标题，或以 .jsonl 结尾的文件名。",
    ),
    "chat_docs_on": (
        "Documents in {folder}: {documents:,}. Answers come from them, and are not kept; /docs off ends that.",
        "{folder} 中有 {documents:,} 个文档。现在据此回答，且不保存；/docs off 结束。",
    ),
    "chat_docs_off": ("The model answers again.", "恢复由模型回答。"),
    "chat_docs_none": ("No documents are in use.", "当前没有使用文档。"),
    "chat_docs_first": (
        "{command} is about the conversation with the model, and documents answer now: /docs off first.",
        "{command} 针对与模型的对话，而现在由文档回答：请先 /docs off。",
    ),
    "chat_docs_which": ("/docs takes a folder, or off.", "/docs 后面请给出文件夹，或 off。"),
    "chat_docs_help": ("/docs off       go back to the conversation", "/docs off       回到对话"),
    "chat_continue_twice": (
        "-c goes on with the last conversation and --cid with another one: leave one of them out.",
        "-c 继续最近的对话，--cid 继续指定的对话：请只用其中一个。",
    ),
    "chat_continue_without_log": (
        "-c and --cid go on with a conversation that is kept: leave out --no-log.",
        "-c 和 --cid 用于继续已保存的对话：请去掉 --no-log。",
    ),
    "chat_model_gone": (
        "Conversation {id} was held with {model!r}, which cannot be opened by that name; say with -m which model goes "
        "on. {reason}",
        "对话 {id} 用的是 {model!r}，无法按此名称打开；请用 -m 指定继续对话的模型。{reason}",
    ),
    "chat_template_begins": (
        "The prompt {prompt} only begins a conversation: leave out -c and --cid.",
        "提示词 {prompt} 只用于开始对话：请去掉 -c 和 --cid。",
    ),
    "chat_template_constrained": (
        "The prompt {prompt} says what its answer must look like, which a conversation cannot keep to: appkit run -t "
        "{prompt}",
        "提示词 {prompt} 限定了回答的格式，对话中无法保证：请用 appkit run -t {prompt}",
    ),
    "chat_template_no_question": (
        "The prompt {prompt} does not end with a user message, so it asks nothing.",
        "提示词 {prompt} 不是以用户消息结尾，没有提出问题。",
    ),
    "docs_without_conversation": (
        "--docs answers each question by itself: leave out -c, --cid and -t, or use /docs within a chat.",
        "--docs 逐个回答问题：请去掉 -c、--cid 和 -t，或在对话中使用 /docs。",
    ),
    "chat_stats": (
        "Turns: {turns}. Tokens read: {prompt_tokens:,}, of them from the cache: {cached_tokens:,}; written: "
        "{completion_tokens:,}. Last turn: first token after {ttft_s:.2f} s, reading {prefill_tok_s:,.0f} tok/s, "
        "writing {decode_tok_s:,.1f} tok/s.",
        "共 {turns} 轮。读入 {prompt_tokens:,} 个词元，其中 {cached_tokens:,} 个来自缓存；"
        "写出 {completion_tokens:,} 个。"
        "上一轮：首词元 {ttft_s:.2f} 秒，读 {prefill_tok_s:,.0f} 词元/秒，写 {decode_tok_s:,.1f} 词元/秒。",
    ),
    "docs_banner": (
        "Documents in {folder}: {documents:,}. Answers are quoted from them. /help lists commands; Ctrl-D leaves.",
        "{folder} 中有 {documents:,} 个文档，回答摘自原文。/help 查看命令；Ctrl-D 退出。",
    ),
    "docs_help": (
        "/help           this list\n"
        "/open N         show source [N] of the last answer with the text around it\n"
        "/found          what the search found for the last question, with its scores\n"
        "/sync           read files that changed\n"
        "/exit           leave\n"
        "//text          ask something that begins with a slash",
        "/help           显示本列表\n"
        "/open N         显示上一个回答的出处 [N] 及其上下文\n"
        "/found          显示上一个问题检索到的段落及得分\n"
        "/sync           读入有变动的文件\n"
        "/exit           退出\n"
        "//文字          提问以斜杠开头的内容",
    ),
    "docs_no_answer_yet": ("Ask something first.", "请先提问。"),
    "docs_no_such_source": (
        "The last answer has {count} sources; /open takes a number from 1 to {count}.",
        "上一个回答有 {count} 个出处；/open 后面请给出 1 到 {count} 之间的数字。",
    ),
    "docs_no_sources": ("The last answer has no sources.", "上一个回答没有出处。"),
    "adapter_no_base": ("its file does not say", "文件未注明"),
    "adapter_fits": ("Fits {model}.", "适用于 {model}。"),
    "adapter_merged": (
        "{path} does alone what {adapter} does with {model}; {count} matrices are merged.",
        "{path} 独立具备 {adapter} 加 {model} 的效果；共合并 {count} 个矩阵。",
    ),
    "adapter_merged_folder": (
        "The tokenizer's files are those of the original model: copy them into the folder.",
        "分词器文件沿用原模型的，请将其复制到该文件夹。",
    ),
    "adapter_drift": (
        "Rounding to {format} took {lost:.2%} of what the adapter changes, most in {worst} ({worst_lost:.2%}).",
        "存为 {format} 的舍入损失了适配器改动的 {lost:.2%}，其中 {worst} 最多（{worst_lost:.2%}）。",
    ),
    "adapter_drift_large": (
        "That is much: more bits keep more of it, as --format F16 does; unmerged, the adapter keeps all of it.",
        "损失较大：用更多位数保存（如 --format F16）损失更小；不合并则毫无损失。",
    ),
    "adapter_logits": (
        "On {num_tokens} tokens the logits differ by at most {max_difference:.3g} (the largest is {max_logit:.3g}), "
        "{num_same} next tokens are the same, and the KL divergence is {mean_kl:.2g} nats a token.",
        "在 {num_tokens} 个词元上，logits 最多相差 {max_difference:.3g}（最大值为 {max_logit:.3g}），"
        "{num_same} 个位置的下一词元相同，KL 散度为每词元 {mean_kl:.2g} nats。",
    ),
    "adapter_rebound": ("{path} holds the adapter, tied to {model}.", "适配器已存入 {path}，并绑定到 {model}。"),
    "adapter_same_folder": (
        "{path} is the adapter's own folder; give another one.",
        "{path} 就是该适配器所在的文件夹，请另选一个。",
    ),
    "adapter_without_model": (
        "--adapter changes how a model writes, and without -m sentences of the documents are quoted: name the model.",
        "--adapter 改变模型的作答方式，而不用 -m 指定模型时只摘录文档原句：请指定模型。",
    ),
    "docs_without_sampling": (
        "--docs quotes sentences, or lets a model write with settings of its own: leave out --system, --temperature, "
        "--seed and --max-tokens.",
        "--docs 摘录原文，或由模型按其自带的设置作答：请去掉 --system、--temperature、--seed 和 --max-tokens。",
    ),
    "folder_missing": ("There is no folder {folder}.", "没有文件夹 {folder}。"),
    "folder_is_file": (
        "{folder} is a file; name the folder that holds it.",
        "{folder} 是文件；请给出它所在的文件夹。",
    ),
    "folder_unreadable": (
        "{folder} may not be read by this user: {reason}.",
        "当前用户无权读取 {folder}：{reason}。",
    ),
    "index_missing": (
        "{folder} has no index yet: appkit index sync {quoted}",
        "{folder} 还没有索引：appkit index sync {quoted}",
    ),
    "index_first_time": ("{folder} has no index yet; reading it now.", "{folder} 还没有索引，现在开始读入。"),
    "index_nothing": (
        "{folder} holds no document that can be read. Kinds that are: {kinds}.",
        "{folder} 里没有可读的文档。支持的类型：{kinds}。",
    ),
    "index_reading": ("reading files", "读取文件"),
    "index_embedding": ("embedding", "计算向量"),
    "index_synced": (
        "Documents: {documents:,}, in {chunks:,} chunks. Added {added:,}, updated {updated:,}, deleted {deleted:,}, "
        "unchanged {unchanged:,}.",
        "共 {documents:,} 个文档、{chunks:,} 个片段：新增 {added:,}，更新 {updated:,}，删除 {deleted:,}，"
        "未变 {unchanged:,}。",
    ),
    "index_would_change": (
        "A sync would add {added:,}, update {updated:,}, delete {deleted:,} and leave {unchanged:,}. Documents now: "
        "{documents:,}, in {chunks:,} chunks.",
        "同步将新增 {added:,}、更新 {updated:,}、删除 {deleted:,}，{unchanged:,} 个未变。"
        "当前索引：{documents:,} 个文档、{chunks:,} 个片段。",
    ),
    "index_skipped": ("Skipped {count:,}:", "跳过 {count:,} 个："),
    "index_unsupported": (
        "Left aside {count:,} of kinds that are not read.",
        "另有 {count:,} 个文件类型不支持，未读入。",
    ),
    "index_removed_files": ("Removed from the index: {count:,}.", "已从索引中移除 {count:,} 个。"),
    "index_remove_question": ("Remove the index {path}? [y/N] ", "要删除索引 {path} 吗？[y/N] "),
    "index_kept": ("Nothing was removed; --yes does not ask.", "没有删除；加 --yes 则不再询问。"),
    "index_removed": ("Removed {path}; the folder is as it was.", "已删除 {path}；文件夹本身未动。"),
    "index_intact": ("The index is intact.", "索引完好。"),
    "index_repaired": ("Repaired; the index is intact now.", "已修复，索引现在完好。"),
    "index_damaged": (
        "The index is damaged: appkit index verify {quoted} --repair",
        "索引已损坏：appkit index verify {quoted} --repair",
    ),
    "search_nothing": ("Nothing was found.", "没有找到。"),
    "page": ("page {number}", "第 {number} 页"),
    "question_missing": (
        'The question is empty; ask something, as in: appkit ask FOLDER "How long is the warranty?"',
        '问题是空的；请提问，例如：appkit ask FOLDER "保修期是多久？"',
    ),
    "explain_one_of": (
        "A prompt file (-t), a conversation (-c or --cid) and documents (--docs) are different things to explain: give "
        "one of them.",
        "提示词文件（-t）、对话（-c 或 --cid）和文档（--docs）只能选择其中一个来说明。",
    ),
    "explain_own_system": (
        "A conversation and a question to documents have their own system message: leave out --system.",
        "对话和向文档的提问有自己的系统提示：请去掉 --system。",
    ),
    "explain_nothing_found": (
        "The search found no passage for this question, so no model would be asked.",
        "没有检索到与这个问题有关的段落，因此不会去问模型。",
    ),
    "explain_system": ("system", "系统提示"),
    "explain_examples": ("examples", "示例"),
    "explain_memory": ("memory", "记忆"),
    "explain_history": ("history", "历史"),
    "explain_passages": ("passages", "段落"),
    "explain_question": ("question", "问题"),
    "explain_tools": ("tools", "工具"),
    "explain_template": ("template", "模板"),
    "explain_prompt": ("prompt", "提示词合计"),
    "explain_answer": ("answer", "回答"),
    "explain_margin": ("margin", "余量"),
    "explain_unused": ("unused", "未用"),
    "explain_budget": ("budget", "预算"),
    "explain_about_template": (
        "what the model's template, or the prompt's own words, add",
        "模型模板和提示词自身的文字所占",
    ),
    "explain_exact": ("in all, counted on what the model reads", "合计，按模型实际读入的内容计数"),
    "explain_estimate": ("in all, estimated", "合计，为估计值"),
    "explain_kept_free": ("kept free", "预留"),
    "explain_about_margin": ("kept free, as the count is an estimate", "预留，因为计数只是估计"),
    "explain_about_budget": ("for {model}", "模型 {model}"),
    "explain_kept": ("{count:,} shown", "显示 {count:,} 项"),
    "explain_minimum": ("at least {tokens:,}", "至少 {tokens:,}"),
    "explain_maximum": ("at most {tokens:,}", "至多 {tokens:,}"),
    "explain_dropped": ("{count:,} dropped: {named}", "略去 {count:,} 项：{named}"),
    "explain_more": ("{count:,} more", "另外 {count:,} 项"),
    "explain_comma": (", ", "，"),
    "logs_empty": ("No conversation was kept yet; appkit chat begins one.", "还没有保存的对话；用 appkit chat 开始。"),
    "logs_nothing_found": ("No message was found.", "没有找到消息。"),
    "logs_untitled": ("(untitled)", "（无标题）"),
    "logs_head_id": ("ID", "编号"),
    "logs_head_updated": ("Last used", "最近使用"),
    "logs_head_messages": ("Messages", "消息"),
    "logs_head_model": ("Model", "模型"),
    "logs_head_title": ("Title", "标题"),
    "logs_role_system": ("System", "系统"),
    "logs_role_user": ("You", "我"),
    "logs_role_assistant": ("Model", "模型"),
    "logs_role_tool": ("Tool", "工具"),
    "logs_said": ("{who}: {words}", "{who}：{words}"),
    "logs_left_behind": ("on a branch left behind", "在已离开的分支上"),
    "logs_remove_question": (
        "Remove {id}, “{title}”, {count:,} messages? [y/N] ",
        "要删除 {id}“{title}”（{count:,} 条消息）吗？[y/N] ",
    ),
    "logs_kept": ("Nothing was removed; --yes does not ask.", "没有删除；加 --yes 则不再询问。"),
    "logs_removed": ("Removed {id}.", "已删除 {id}。"),
    "logs_renamed": ("{id} is now “{title}”.", "{id} 现在叫“{title}”。"),
    "logs_imported": ("Imported as {id}, {count:,} messages.", "已导入为 {id}，共 {count:,} 条消息。"),
    "logs_exported": ("Messages written to {file}: {count:,}.", "已把 {count:,} 条消息写入 {file}。"),
    "file_exists": (
        "{file} is there already: name another file, or remove it first.",
        "{file} 已存在：请换一个文件名，或先删除它。",
    ),
    "pull_question": (
        "{model} is not on this machine yet. Fetch it now ({size_mb:,.0f} MB, licence {licence})? [Y/n] ",
        "本机还没有 {model}。现在下载吗（{size_mb:,.0f} MB，许可证 {licence}）？[Y/n] ",
    ),
    "prompt_missing": (
        'There is no prompt: give one, as in appkit run "Why is the sky blue?", or pipe text in.',
        '没有提示词：请给出，例如 appkit run "天空为什么是蓝色的？"，或用管道传入文字。',
    ),
    "params_no_value": (
        "-p {param} gives no value; write -p name=value, -p name=@file, or -p name=@- for standard input.",
        "-p {param} 没有给出值；请写 -p 名字=值、-p 名字=@文件，或用 -p 名字=@- 读标准输入。",
    ),
    "params_unknown": (
        "The prompt {prompt} has no variable {name}; it has: {known}.",
        "提示词 {prompt} 没有变量 {name}；它的变量有：{known}。",
    ),
    "params_stdin_twice": (
        "Standard input can be read for one variable only.",
        "标准输入只能用于一个变量。",
    ),
    "params_twice": (
        "-p {name} is given more than once; it is a {type}, not a list of texts.",
        "-p {name} 给了不止一次；它的类型是 {type}，不是文本列表。",
    ),
    "params_no_file": (
        "-p {name}=@ names no file; write {name}=@file.",
        "-p {name}=@ 没有写文件名；请写 {name}=@文件。",
    ),
    "params_too_large": (
        "{source} is larger than {limit_mb} MiB, more than a value may be.",
        "{source} 超过 {limit_mb} MiB，不能作为一个值。",
    ),
    "params_not_text": (
        "{source} is not UTF-8 text (byte {offset:,}). Convert it first, as in: iconv -f GB18030 -t UTF-8",
        "{source} 不是 UTF-8 文本（第 {offset:,} 字节）。请先转换，例如：iconv -f GB18030 -t UTF-8",
    ),
    "params_not_of_type": (
        "-p {name} is {value!r}, which is no {type}.",
        "-p {name} 是 {value!r}，不是 {type}。",
    ),
    "params_no_place": (
        "The question has no place in the prompt {prompt}: the variables still missing are {names}. "
        "Name it: -p name=value",
        "提示词 {prompt} 里没有放问题的地方：还缺少的变量是 {names}。请写明：-p 名字=值",
    ),
    "params_nothing_missing": (
        "The prompt {prompt} has every value it takes; there is no place for a question besides.",
        "提示词 {prompt} 需要的值都已给出，没有地方再放问题。",
    ),
    "params_without_template": (
        "-p gives values to a prompt; name it with -t, as in: appkit run -t text/summarise.en -p text=@letter.txt",
        "-p 是给提示词的值；请用 -t 指明提示词，例如：appkit run -t text/summarise.zh -p text=@来信.txt",
    ),
    "prompts_own": ("yours  ", "自建"),
    "prompts_shipped": ("shipped", "自带"),
    "prompts_broken": ("(cannot be read) {message}", "（无法读取）{message}"),
    "prompts_path": ("file:      {path}", "文件：{path}"),
    "prompts_purpose": ("purpose:   {purpose}", "用途：{purpose}"),
    "prompts_version": ("version:   {version}, language {language}", "版本：{version}，语言 {language}"),
    "prompts_variable": ("variable:  {name} ({type})", "变量：{name}（{type}）"),
    "prompts_default": (", else {value}", "，默认 {value}"),
    "prompts_option": ("option:    {name} {value}", "选项：{name} {value}"),
    "prompts_output": ("answer:    {kind} {source}", "回答：{kind} {source}"),
    "prompts_counts": (
        "has:       {examples} examples, {tests} test cases",
        "附带：{examples} 个示例，{tests} 个测试用例",
    ),
    "prompts_tokens": ("{count:,} tokens of {model}", "{count:,} 个词元（{model}）"),
    "prompts_tokens_about": ("about {count:,} tokens of {model}", "约 {count:,} 个词元（{model}）"),
    "prompts_exists": (
        "{path} is there already, and is left as it is; choose another name, or edit it.",
        "{path} 已经存在，没有改动；请换一个名字，或直接编辑它。",
    ),
    "prompts_written": (
        "Wrote {path}. Try it: appkit prompts test {name}",
        "已写入 {path}。试一试：appkit prompts test {name}",
    ),
    "prompts_no_editor": (
        "--edit needs a terminal, and $VISUAL or $EDITOR to say what to open; nothing was written.",
        "--edit 需要终端，并由 $VISUAL 或 $EDITOR 指明编辑器；没有写入任何文件。",
    ),
    "prompts_adapter_without_model": (
        "An adapter belongs to one model, and each prompt may name its own: give the adapter's with -m.",
        "适配器只属于一个模型，而各提示可能指定不同的模型：请用 -m 给出适配器所属的模型。",
    ),
    "prompts_no_tests": ("None of these prompts has a test case.", "这些提示词都没有测试用例。"),
    "prompts_passed": ("passed  {prompt}: {case} ({seconds:.1f} s)", "通过  {prompt}：{case}（{seconds:.1f} 秒）"),
    "prompts_failed": ("FAILED  {prompt}: {case} ({seconds:.1f} s)", "失败  {prompt}：{case}（{seconds:.1f} 秒）"),
    "prompts_wrote": ("    The model wrote: {text}", "    模型的回答：{text}"),
    "prompts_tested": (
        "Cases run on {model}: {count:,}; failed: {failed:,}.",
        "在 {model} 上运行了 {count:,} 个用例，失败 {failed:,} 个。",
    ),
    "agent_step": ("Step {number}", "第 {number} 步"),
    "agent_more": (" … ({count:,} more characters)", " …（还有 {count:,} 个字符）"),
    "agent_waits": ("waits for approval: {id}", "等待批准：{id}"),
    "agent_running": ("{tool} is at work …", "正在运行 {tool} …"),
    "agent_status": (
        "step {step} of {steps}; left: {tokens:,} tokens, {seconds:,} s; Ctrl-C stops",
        "第 {step}/{steps} 步；还剩 {tokens:,} 个词元、{seconds:,} 秒；Ctrl-C 停止",
    ),
    "agent_wants": ("The model wants to call {tool} ({id}):", "模型想调用 {tool}（{id}）："),
    "agent_no_arguments": ("(without arguments)", "（没有参数）"),
    "agent_outcome_unknown": (
        "It is not known how this call ended, and it is not made again: {call}",
        "以下调用的结果不明，不会再次执行：{call}",
    ),
    "agent_stopping": ("Stopping; Ctrl-C once more leaves at once.", "正在停止；再按一次 Ctrl-C 立即退出。"),
    "agent_may_it": ("May it? [y]es, [n]o, [e]dit the arguments: ", "允许吗？[y] 是，[n] 否，[e] 修改参数："),
    "agent_arguments_not_json": (
        'The arguments are not JSON: {reason}. They are written like {{"name": "value"}}.',
        '参数不是 JSON：{reason}。写法如 {{"名字": "值"}}。',
    ),
    "agent_arguments_no_object": (
        'The arguments have to be a JSON object, like {{"name": "value"}}.',
        '参数必须是一个 JSON 对象，例如 {{"名字": "值"}}。',
    ),
    "agent_edit_form": (
        '--edit {given} names no call or no arguments; write --edit \'ID={{"name": "value"}}\'.',
        '--edit {given} 没有写明调用或参数；请写 --edit \'编号={{"名字": "值"}}\'。',
    ),
    "agent_no_such_call": (
        "No call that waits has the id {id}; those that wait: {known}.",
        "没有编号为 {id} 的调用在等待；正在等待的有：{known}。",
    ),
    "agent_decided_twice": ("The call {id} is decided twice: once is enough.", "对调用 {id} 作了两次决定：只需一次。"),
    "agent_pending": ("Waits for approval: {id}: {call}", "等待批准：{id}：{call}"),
    "agent_waits_kept": (
        "Go on with: appkit agent resume {quoted} --approve {id} (or --deny {id}; all decides every call)",
        "继续：appkit agent resume {quoted} --approve {id}（或 --deny {id}；all 表示所有调用）",
    ),
    "agent_waits_unkept": (
        "Nothing of this run is kept; --state FILE would keep it for appkit agent resume.",
        "本次运行没有保存；用 --state 文件 可以保存，以便 appkit agent resume 继续。",
    ),
    "agent_kept": (
        "Kept in {file}. Go on with: appkit agent resume {quoted}",
        "已保存在 {file}。继续：appkit agent resume {quoted}",
    ),
    "agent_nobody_to_ask": (
        "A tool needs approval and nobody is here to give it: say with --state FILE where the run is kept meanwhile.",
        "有工具需要批准，而此处无人可问：请用 --state 文件 指明运行在等待时保存在哪里。",
    ),
    "agent_stopped_steps": (
        "Stopped: the steps were used up; --max-steps allows more.",
        "已停止：步数用完；--max-steps 可以放宽。",
    ),
    "agent_stopped_tool_calls": ("Stopped: the calls were used up.", "已停止：调用次数用完。"),
    "agent_stopped_tokens": (
        "Stopped: the tokens were used up; --max-tokens allows more.",
        "已停止：词元用完；--max-tokens 可以放宽。",
    ),
    "agent_stopped_seconds": (
        "Stopped: the time was used up; --max-seconds allows more.",
        "已停止：时间用完；--max-seconds 可以放宽。",
    ),
    "agent_stopped_repeats": (
        "Stopped: the model made the same call over and over.",
        "已停止：模型反复进行同一个调用。",
    ),
    "agent_stopped_tool_errors": ("Stopped: the tools kept failing.", "已停止：工具一再失败。"),
    "agent_stopped_format": (
        "Stopped: answers of the model could not be used, several in a row.",
        "已停止：模型连续几次的回答都无法使用。",
    ),
    "agent_stopped_cancelled": ("Stopped.", "已停止。"),
    "agent_tool_unknown": (
        "There is no tool {tool}; there are: {known}. A database is given with --sql, documents with --docs, functions "
        "of your own with --functions.",
        "没有工具 {tool}；可用的有：{known}。数据库用 --sql，文档用 --docs，自己的函数用 --functions。",
    ),
    "agent_two_folders": (
        "files=FOLDER is given more than once: an agent reads one folder. Name one that holds the others.",
        "files=文件夹 给了不止一次：代理只读一个文件夹。请给出包含它们的那一个。",
    ),
    "agent_dialect_unknown": (
        "There is no dialect {given}; there are: {known}.",
        "没有 {given} 这种格式；可用的有：{known}。",
    ),
    "agent_functions_missing": (
        "{path} is no Python file that can be read: --functions takes one, such as tools.py.",
        "{path} 不是可读的 Python 文件：--functions 需要一个，例如 tools.py。",
    ),
    "agent_functions_fail": ("{path} fails when it is run: {reason}", "运行 {path} 时出错：{reason}"),
    "agent_functions_none": (
        "{path} defines no tool: put @tool (from appkit) before a function.",
        "{path} 没有定义工具：请在函数前写 @tool（来自 appkit）。",
    ),
    "agent_functions_again": (
        "This run uses functions of {path}, and no code is run because a file says so: name it again with --functions.",
        "本次运行使用了 {path} 中的函数；不会仅凭文件的记载就运行代码：请用 --functions 再次指明。",
    ),
    "agent_state_bad": (
        "{path} cannot be gone on with: {reason}.",
        "{path} 无法继续：{reason}。",
    ),
    "extract_not_text": (
        "Standard input is not UTF-8 text: byte {offset:,} begins no character. Convert it first, as in: iconv -f "
        "GB18030 -t UTF-8",
        "标准输入不是 UTF-8 文字：第 {offset:,} 字节不是字符的开头。请先转换，例如：iconv -f GB18030 -t UTF-8",
    ),
    "extract_stdin": ("Standard input", "标准输入"),
    "extract_too_large": (
        "{source} has more than {limit:,} bytes, which are not read: give a smaller part of it.",
        "{source} 超过 {limit:,} 字节，不会读取：请给出较小的一部分。",
    ),
    "extract_empty": ("{source} has no text to extract from.", "{source} 中没有可供提取的文字。"),
    "extract_schema_bad": ("{path} is no JSON Schema: {reason}", "{path} 不是 JSON Schema：{reason}"),
    "extract_schema_no_fields": (
        'The schema names no fields: give an object with "properties", or fields such as: name, age int, tags [str]',
        "模式没有列出字段：请给出带 properties 的 object，或写成字段列表，例如：姓名, 年龄 int, 标签 [str]",
    ),
    "extract_closed_early": (
        "the limit of {limit:,} tokens ended the answer, so something may be missing: allow more with --max-tokens.",
        "回答到了 {limit:,} 个词元的上限，可能有遗漏：可用 --max-tokens 放宽。",
    ),
    "extract_number": ("{number}.", "第 {number} 条"),
    "extract_nothing": ("Nothing was found.", "没有找到。"),
    "trace_cut": (
        "The trace breaks off here, {count:,} bytes into a line: whatever wrote it was stopped.",
        "记录在此中断（某一行的第 {count:,} 字节）：写入它的程序被终止了。",
    ),
    "trace_begun": ("Trace begun {created}", "记录始于 {created}"),
    "trace_numbers": ("{first}, … ({count:,} numbers)", "{first}，…（共 {count:,} 个数）"),
    "tune_file": (
        "{path}: format {format}. Lines to train on: {lines:,}; tokens: {tokens:,}, of which are learnt: {learnt:,} "
        "({share:.0%}).",
        "{path}：格式 {format}。可训练 {lines:,} 行，{tokens:,} 个词元，其中学习 {learnt:,} 个（{share:.0%}）。",
    ),
    "tune_lengths": (
        "Lengths in tokens: {shortest:,} to {longest:,}, mean {mean:,.0f}; half up to {median:,}, nine in ten up to "
        "{p90:,}.",
        "长度（词元）：{shortest:,} 至 {longest:,}，平均 {mean:,.0f}；一半不超过 {median:,}，九成不超过 {p90:,}。",
    ),
    "tune_dropped": (
        "Left out, longer than {limit:,} tokens: {count:,} (lines {lines}).",
        "因超过 {limit:,} 个词元而略去：{count:,} 行（第 {lines} 行）。",
    ),
    "tune_nothing_left": (
        "Left out, since cut to {limit:,} tokens they have nothing to learn: {count:,} (lines {lines}).",
        "截到 {limit:,} 个词元后已无可学内容而略去：{count:,} 行（第 {lines} 行）。",
    ),
    "tune_truncated": (
        "Cut to {limit:,} tokens ({policy}): {count:,}.",
        "截到 {limit:,} 个词元（{policy}）：{count:,} 条。",
    ),
    "tune_rewritten": (
        "The model's template rewrites earlier answers, so {count:,} lines are several examples: {sequences:,} in all.",
        "模型的模板会改写较早的回答，因此有 {count:,} 行拆成多条样本：共 {sequences:,} 条。",
    ),
    "tune_duplicates": (
        "The same as an earlier line: {count:,} ({lines}).",
        "与较早的行相同：{count:,} 行（{lines}）。",
    ),
    "tune_ignored": ("Keys that are not read: {keys}.", "未读取的键：{keys}。"),
    "tune_bad": (
        "Lines that cannot be trained on: {count:,}. Training refuses the file until they are mended or skipped.",
        "不能用于训练的行：{count:,}。修正或跳过这些行之前，训练会拒绝此文件。",
    ),
    "tune_bad_line": ("  line {line:,}: {reason}", "  第 {line:,} 行：{reason}"),
    "tune_bad_more": ("  and {count:,} more", "  另有 {count:,} 行"),
    "tune_mixed": ("Lines mixed in from other files: {count:,}.", "从其他文件混入：{count:,} 行。"),
    "tune_validation": (
        "Examples to train on: {train:,}; to validate on: {validation:,}.",
        "训练样本 {train:,} 条；验证样本 {validation:,} 条。",
    ),
    "tune_leaked": (
        "Lines to validate on that are also trained on: {count:,}; they make the validation look better than it is.",
        "验证文件中有 {count:,} 行也在训练数据中：这会使验证结果偏好。",
    ),
    "tune_system": (
        "System message where a line has none: {system}",
        "没有系统提示的行使用：{system}",
    ),
    "tune_example": (
        "Line {line:,}: {tokens:,} tokens, {learnt:,} learnt.",
        "第 {line:,} 行：{tokens:,} 个词元，学习 {learnt:,} 个。",
    ),
    "tune_chosen": (
        "Line {line:,}, chosen: {tokens:,} tokens, {learnt:,} of them the answer.",
        "第 {line:,} 行，较好的回答：{tokens:,} 个词元，其中回答 {learnt:,} 个。",
    ),
    "tune_rejected": (
        "Line {line:,}, rejected: {tokens:,} tokens, {learnt:,} of them the answer.",
        "第 {line:,} 行，较差的回答：{tokens:,} 个词元，其中回答 {learnt:,} 个。",
    ),
    "tune_tokens_more": (
        "… {count:,} tokens more; --line {line} shows them all.",
        "……还有 {count:,} 个词元；--line {line} 可全部显示。",
    ),
    "tune_needs_weights": (
        "{model} runs elsewhere; fine-tuning takes a model file on this machine, such as smollm2-135m.",
        "{model} 在别处运行；微调需要本机上的模型文件，例如 smollm2-135m。",
    ),
    "tune_no_line": (
        "Line {line:,} of {path} is no example to train on; the preview names the lines at fault.",
        "{path} 的第 {line:,} 行不是可训练的样本；预览会列出有问题的行。",
    ),
    "tune_fields_bad": (
        "--fields {given!r} is not FIELD=KEY,…, as in prompt=question,completion=answer.",
        "--fields {given!r} 应写成 字段=键,…，例如 prompt=question,completion=answer。",
    ),
    "tune_mix_bad": (
        "--mix {given!r} is not FILE=SHARE, as in general.jsonl=0.1.",
        "--mix {given!r} 应写成 文件=份额，例如 general.jsonl=0.1。",
    ),
    "tune_plan_run": (
        "{method}: {parameters:,} parameters trained, {share:.2%} of the model's {model_parameters:,}.",
        "{method}：训练 {parameters:,} 个参数，占模型 {model_parameters:,} 个参数的 {share:.2%}。",
    ),
    "tune_plan_steps": (
        "Steps: {steps:,} ({epochs} epochs at most); tokens in all: {tokens:,}; at once: up to {longest:,}.",
        "步数：{steps:,}（最多 {epochs} 轮）；词元总数：{tokens:,}；一次最多 {longest:,} 个。",
    ),
    "tune_plan_memory": ("Memory:", "内存："),
    "tune_plan_part_base": ("program and libraries", "程序与库"),
    "tune_plan_part_weights": ("weights of the model", "模型权重"),
    "tune_plan_part_adapter": ("adapter, gradients and moments", "适配器、梯度与优化器状态"),
    "tune_plan_part_activations": ("activations of the largest batch", "最大一批的激活值"),
    "tune_plan_part_workspace": ("logits and scores, a part at a time", "逐段计算的 logits 与注意力分数"),
    "tune_plan_part_prefix": ("kept results of the layers below the adapter", "适配器以下各层的缓存结果"),
    "tune_plan_part_slack": ("held by the allocator between blocks", "分配器的空隙"),
    "tune_plan_peak": ("  {size}  in all, at the worst moment", "  {size}  峰值合计"),
    "tune_plan_available": ("  {size}  available", "  {size}  可用"),
    "tune_plan_unknown": (
        "  This system does not say how much memory is available.",
        "  本系统未提供可用内存的数值。",
    ),
    "tune_plan_full": (
        "Training all weights would take {size} for weights, gradients and moments alone.",
        "训练全部权重时，仅权重、梯度与优化器状态就需要 {size}。",
    ),
    "tune_plan_work": (
        "Work: {flops:.2g} floating-point operations, {share:.0%} of training all weights.",
        "计算量：{flops:.2g} 次浮点运算，为训练全部权重的 {share:.0%}。",
    ),
    "tune_plan_time": (
        "Time: about {time} at {speed:,.0f} tokens a second, as measured just now.",
        "时间：约 {time}，按刚才测得的每秒 {speed:,.0f} 个词元计算。",
    ),
    "tune_plan_not_probed": (
        "Time: not measured, since the run does not fit in memory.",
        "时间：未测量，因为内存不足以运行。",
    ),
    "tune_plan_too_large": (
        "This does not fit. In the order to try them, alone and together with those above:",
        "内存不足。可依次尝试以下选项（单独使用，以及与上面各项同时使用时的峰值）：",
    ),
    "tune_plan_change": ("  {option}{alone}{together}", "  {option}{alone}{together}"),
    "tune_plan_longer": (
        "    Sequences longer than that: {count:,}; give --max-len {limit} too; --too-long says what becomes of them.",
        "    有 {count:,} 条序列超过该长度；请同时使用 --max-len {limit}，并用 --too-long 指定如何处理。",
    ),
    "tune_plan_never": (
        "All of them together do not do: choose a smaller model, or free memory.",
        "全部同时使用仍然不够：请换用更小的模型，或释放内存。",
    ),
    "tune_stopping": (
        "Stopping after this step; Ctrl-C again stops at once.",
        "本步完成后停止；再按一次 Ctrl-C 立即停止。",
    ),
    "tune_stopped": (
        "Stopped after step {steps:,}, which is kept in {path}. The same command, without --fresh, goes on from there.",
        "已在第 {steps:,} 步后停止，进度保存在 {path}。再次运行同一命令（不带 --fresh）即可继续。",
    ),
    "tune_loss": ("loss {loss:.3f}", "损失 {loss:.3f}"),
    "tune_eval_loss": ("validation {loss:.3f}", "验证 {loss:.3f}"),
    "tune_speed": ("{speed:,.0f} tok/s  {left} left", "{speed:,.0f} 词元/秒  剩余 {left}"),
    "tune_run_data": (
        "{path}: format {format}; examples to train on: {count:,}; tokens an epoch: {tokens:,}, of which are learnt: "
        "{learnt:,}.",
        "{path}：格式 {format}；训练样本 {count:,} 条，每轮 {tokens:,} 个词元，其中学习 {learnt:,} 个。",
    ),
    "tune_run_steps": (
        "{method} of {model}: {parameters:,} parameters, learning rate up to {rate:.2g}; steps: {steps:,}, of about "
        "{tokens:,} tokens.",
        "{model} 的 {method}：{parameters:,} 个参数，学习率最高 {rate:.2g}；{steps:,} 步，每步约 {tokens:,} 个词元。",
    ),
    "tune_run_validation": (
        "Examples to validate on: {count:,}, before the first step and every {every:,} steps.",
        "验证样本 {count:,} 条，在第一步之前及每 {every:,} 步验证一次。",
    ),
    "tune_run_skipped": (
        "{path}: lines at fault that are left out: {count:,} ({lines}).",
        "{path}：略去有问题的 {count:,} 行（第 {lines} 行）。",
    ),
    "tune_run_dropped": (
        "{path}: lines left out since they are too long: {count:,}; --max-len allows more.",
        "{path}：因过长而略去 {count:,} 行；可用 --max-len 放宽。",
    ),
    "tune_run_going_on": (
        "Going on with the run that got to about step {steps:,}.",
        "继续上次训练到第 {steps:,} 步左右的运行。",
    ),
    "tune_run_finished_before": (
        "The run in {path} is finished already; --fresh trains anew.",
        "{path} 中的训练已经完成；用 --fresh 可重新训练。",
    ),
    "tune_run_done": (
        "Done: {steps:,} steps, {tokens:,} tokens, {time}.",
        "完成：{steps:,} 步，{tokens:,} 个词元，用时 {time}。",
    ),
    "tune_run_losses": (
        "Loss in training: {before:.3f} at first, {after:.3f} at the end.",
        "训练损失：开始 {before:.3f}，结束 {after:.3f}。",
    ),
    "tune_run_eval": (
        "Loss on the validation set: {before:.3f} before, {after:.3f} with the adapter (of step {step:,}).",
        "验证损失：训练前 {before:.3f}，使用适配器（第 {step:,} 步）{after:.3f}。",
    ),
    "tune_run_legend": (
        "        training: the curve; validation: {sign}; across: steps",
        "        曲线：训练；{sign}：验证；横轴：步数",
    ),
    "tune_run_legend_alone": ("        the loss in training; across: steps", "        训练损失；横轴：步数"),
    "tune_run_plot": ("The curve is also in {path}.", "曲线图另存于 {path}。"),
    "tune_run_no_plot": (
        "The curve as a picture takes matplotlib: pip install 'appkit-llm[train]'",
        "曲线图片需要 matplotlib：pip install 'appkit-llm[train]'",
    ),
    "tune_run_returns": (
        "The loss ran away {count:,} times and the run went back each time, with half the learning rate: a lower "
        "--learning-rate than {rate:.2g} may do better.",
        "损失失控 {count:,} 次，每次都退回并把学习率减半：低于 {rate:.2g} 的 --learning-rate 可能更好。",
    ),
    "tune_run_no_better": (
        "On the validation set the adapter does no better than the model alone: more or other data, fewer epochs or a "
        "lower --learning-rate may help.",
        "在验证集上，适配器并不比原模型更好：可尝试更多或不同的数据、更少的轮数或更低的 --learning-rate。",
    ),
    "tune_run_was_better": (
        "It was lowest, {loss:.3f}, after step {step:,}; what came later was learnt by heart. --keep best keeps the "
        "adapter of that step.",
        "验证损失在第 {step:,} 步后最低，为 {loss:.3f}；之后的训练只是死记硬背。--keep best 会保留那一步的适配器。",
    ),
    "tune_run_use": ("The adapter is in {folder}. To use it:", "适配器已存入 {folder}。使用方法："),
    "tune_run_task": ("TASK", "任务"),
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
