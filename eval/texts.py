"""What `appkit eval` says to people, in English and in Chinese, by the locale as everywhere on the command line.

Names of tasks, measures and models are never translated.
"""

from appkit.cli.texts import is_chinese_locale

_TEXTS: dict[str, tuple[str, str]] = {
    # key: (English, Chinese)
    "list_settings": ("--set takes:", "--set 可用的选项："),
    "list_no_settings": ("Nothing can be set.", "没有可设置的选项。"),
    "measure": ("measure", "指标"),
    "value": ("value", "值"),
    "interval": ("{confidence:.0%} interval", "{confidence:.0%} 区间"),
    "samples": ("samples", "样本"),
    "lower_is_better": ("↓ lower is better", "↓ 越低越好"),
    "run_title": ("{task} · {model}", "{task} · {model}"),
    "run_kept": ("Kept in {folder}", "保存在 {folder}"),
    "run_reused": (
        "Kept in {folder}; {count:,} of {total:,} samples were done before (--fresh begins anew)",
        "保存在 {folder}；{total:,} 个样本中有 {count:,} 个此前已完成（--fresh 重新开始）",
    ),
    "run_signature": ("{measure}: {signature}", "{measure}：{signature}"),
    "run_stopped": (
        "Stopped: {count:,} of {total:,} samples of {task} are kept. This goes on:\n{command}",
        "已停止：{task} 的 {total:,} 个样本中已保存 {count:,} 个。继续运行：\n{command}",
    ),
    "run_failed": (
        "{count:,} of {total:,} samples of {task} are kept; the same command goes on from them.",
        "{task} 的 {total:,} 个样本中已保存 {count:,} 个；再次运行同一命令即可继续。",
    ),
    "compare_title": ("{task}: {count:,} samples", "{task}：{count:,} 个样本"),
    "compare_runs": ("A: {a}\nB: {b}", "A：{a}\nB：{b}"),
    "compare_differing": ("{name}: {a} in A, {b} in B", "{name}：A 为 {a}，B 为 {b}"),
    "compare_more_differing": ("and {count} more settings differ", "另有 {count} 项设置不同"),
    "difference": ("B − A", "B − A"),
    "went": ("went right / wrong", "变对 / 变错"),
    "larger_than_chance": (
        "{measure}: {better} is better, by more than chance explains (p {p}).",
        "{measure}：{better} 更好，差异大于随机波动所能解释的范围（p {p}）。",
    ),
    "within_chance": (
        "{measure}: the difference is no larger than chance explains (p {p}).",
        "{measure}：差异没有超出随机波动所能解释的范围（p {p}）。",
    ),
    "no_difference": ("{measure}: A and B are equal.", "{measure}：A 与 B 相同。"),
    "other_signature": (
        "{measure}: not tested, for the runs measure it differently; see their signatures.",
        "{measure}：未作检验，两次运行的测法不同，见各自的签名。",
    ),
    "no_common_value": (
        "{measure}: not tested, for no sample has a value in both runs.",
        "{measure}：未作检验，没有样本在两次运行中都有值。",
    ),
    "not_in_samples": (
        "{measure}: not tested, for it cannot be made again from the samples; see the intervals of the two runs.",
        "{measure}：未作检验，无法由样本重新算出；请参考两次运行各自的区间。",
    ),
    "only_in_one": ("Only one run has {measures}.", "只有一次运行有 {measures}。"),
    "report_written": ("Written to {path}", "已写入 {path}"),
}


def text(key: str, **values: object) -> str:
    """The text named `key` in the user's language, with `values` filled in."""
    english, chinese = _TEXTS[key]
    return (chinese if is_chinese_locale() else english).format(**values)
