"""Fine-tuning: our trainer against PEFT with transformers, the same adapter on the same tokens.

    python -m eval.speed.finetune [MODEL] [--repeats 3] [--steps 6] [--length 256] [--sequences 4]
        [--threads N] [--save]

LoRA r=8 on all linear maps, no dropout, every position supervised, AdamW with a constant rate, the same
batch at every step. Both begin with the
same a matrices and b at zero. Each side is a process of its own, so that its peak memory is its own; the sides take
turns, so that what else runs on the machine falls on all of them. A step is forward, backward and update; the first
of a process is left out of its time. PEFT reads the same file through transformers' own GGUF reader, and runs in
float32, in bfloat16 with float32 adapters (its default), and in bfloat16 throughout. Needs `peft`, `transformers`,
`gguf` and `torch`.

Two sides are no equals of the others. `ours-bfloat16-last-quarter` adapts the last quarter of the layers alone; the
hidden states that enter them are kept from the first step on, as they are from the first epoch on in any run over the
same rows. `products-bfloat16` trains nothing: it is the products with the frozen matrices that a step of ours cannot do
without, by torch, into memory that stands ready.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.tasks.provenance import provenance
from eval.tasks.results import write_results
from runtime import (
    LoraSettings,
    Packed,
    TrainableLora,
    TrainingSettings,
    load_frozen_decoder,
    load_model_text,
    resolve,
    train,
)

SIDES = (
    "ours-bfloat16",
    "ours-float32",
    "ours-bfloat16-last-quarter",
    "peft-bfloat16",
    "peft-bfloat16-adapters-too",
    "peft-float32",
    "products-bfloat16",
)
# What computes in the same types: the sides' losses may then be held against each other.
SAME_TYPES = {"ours-bfloat16": "peft-bfloat16", "ours-float32": "peft-float32"}
RANK, ALPHA, LEARNING_RATE = 8, 16, 1e-3
ROWS_AT_ONCE = 256  # of the products with the head, as our loss takes them
TEXTS = Path(__file__).parents[1] / "data" / "translation_zh_en.jsonl"
_HF_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
ABOUT = """
The same adapter, LoRA r=8 on all linear maps, trained on the same tokens from the same start by us and by PEFT with
transformers. Tokens a second are medians over processes of their median step; memory is the peak of the process,
libraries included; loss differences are the largest of any step, relative to PEFT in float32 and to PEFT in the same
types (bfloat16 with float32 adapters, or float32). `ours-bfloat16-last-quarter` trains the last quarter of the layers
alone, with the hidden states that enter them kept from the first step on, which its time leaves out as every side's
does: it is another adapter, so its losses are not compared. `products-bfloat16` is no training but the products with
the frozen matrices that a step of ours needs: what the processor leaves possible in the same minutes. Where other work
runs beside, tokens a second vary with it between repeats, and processor seconds are the better comparison.
"""


def main(arguments: list[str]) -> None:
    """Measure and print; with --save, also into `eval/results`."""
    parser = argparse.ArgumentParser(prog="python -m eval.speed.finetune", description=__doc__)
    parser.add_argument("model", nargs="?", default="smollm2-135m")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--sequences", type=int, default=4)
    parser.add_argument("--threads", type=int, help="of torch; all cores unless told")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--one-side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one_side is not None:
        ids = _token_ids(options)
        if options.threads is not None:
            import torch

            torch.set_num_threads(options.threads)
        run = {"ours": _ours, "peft": _peft, "products": _products}[options.one_side.split("-")[0]]
        losses, clock = run(options.one_side, options.model, ids, options.steps)
        sys.stdout.write(json.dumps(_measured(losses, clock)) + "\n")
        return
    runs = _runs(options, lambda side, place: sys.stderr.write(f"{place + 1}: {side} …\n"))
    figures = _figures(runs, options) | provenance("eval.speed.finetune", *arguments)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    if options.save:
        threads = "" if options.threads is None else f", {_threads(options.threads)}"
        name = f"{Path(options.model).stem}, {options.sequences}×{options.length} tokens{threads}"
        write_results("finetune", name, figures, title="Fine-tuning speed", about=ABOUT, as_markdown=_page)


def compare(
    model: str,
    sides: Sequence[str],
    *,
    repeats: int,
    steps: int,
    threads: int | None,
    on_side: Callable[[str, int], object] = lambda side, place: None,
) -> dict[str, Any]:
    """Figures of each side, in turns: 4 sequences of 256 tokens a step.

    Args:
        on_side: told before each process which side it is and how many went before.

    Raises:
        subprocess.CalledProcessError: a side failed.
    """
    options = argparse.Namespace(
        model=model, sides=list(sides), repeats=repeats, steps=steps, threads=threads, length=256, sequences=4
    )
    sides_found: dict[str, Any] = _figures(_runs(options, on_side), options)["sides"]
    return sides_found


def _runs(
    options: argparse.Namespace, on_side: Callable[[str, int], object] = lambda side, place: None
) -> dict[str, list[dict[str, Any]]]:
    """What each side measured, a process each time."""
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in options.sides}
    for repeat in range(options.repeats):
        for place, side in enumerate(options.sides):
            on_side(side, repeat * len(options.sides) + place)
            runs[side].append(_in_a_process(side, options))
    return runs


def _in_a_process(side: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "eval.speed.finetune", options.model, "--one-side", side]
    for name in ("steps", "length", "sequences"):
        command += [f"--{name}", str(getattr(options, name))]
    if options.threads is not None:
        command += ["--threads", str(options.threads)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=1800)
    found: dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
    return found


def _measured(losses: list[float], clock: "_Clock") -> dict[str, Any]:
    seconds, processor_seconds = clock.seconds, clock.processor_seconds
    return {
        "losses": [round(loss, 5) for loss in losses],
        "step_seconds": round(statistics.median(seconds[1:]), 4),
        "fastest_step_seconds": round(min(seconds[1:]), 4),
        "step_processor_seconds": round(statistics.median(processor_seconds[1:]), 4),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _token_ids(options: argparse.Namespace) -> np.ndarray:
    """[sequences, length] int32 of English and Chinese text."""
    with TEXTS.open(encoding="utf-8") as lines:
        text = "\n".join(str(value) for line in lines for value in json.loads(line).values())
    ids = np.array(load_model_text(options.model).tokenizer.encode(text), np.int32)
    return np.resize(ids, (options.sequences, options.length))


def _ours(side: str, model: str, ids: np.ndarray, steps: int) -> tuple[list[float], "_Clock"]:
    import torch

    decoder = load_frozen_decoder(resolve(model), torch.float32 if side == "ours-float32" else torch.bfloat16)
    last_layers = max(1, len(decoder.layers) // 4) if side.endswith("last-quarter") else None
    lora = TrainableLora(decoder, LoraSettings(rank=RANK, alpha=ALPHA, last_layers=last_layers))
    sequences, length = ids.shape
    row = Packed(
        input_ids=ids.reshape(-1),
        is_supervised=np.tile(np.arange(length) > 0, sequences),
        cu_seqlens=np.arange(sequences + 1, dtype=np.int32) * length,
    )
    settings = TrainingSettings(
        learning_rate=LEARNING_RATE, schedule="constant", warmup_share=0, num_epochs=steps, max_grad_norm=1e9
    )
    clock = _Clock()
    losses = train(decoder, lora, [row], settings, on_progress=lambda progress: clock.tick()).losses
    return list(losses), clock


def _peft(side: str, model: str, ids: np.ndarray, steps: int) -> tuple[list[float], "_Clock"]:
    import peft
    import torch
    import transformers

    path = resolve(model)
    dtype = torch.float32 if side == "peft-float32" else torch.bfloat16
    base = transformers.AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=dtype)
    modules = [name.rsplit(".", 1)[-1] for name in _HF_NAMES.values()]
    config = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=modules)
    adapted = peft.get_peft_model(base, config, autocast_adapter_dtype=side != "peft-bfloat16-adapters-too")
    _same_start_(adapted, model)
    adapted.train()
    parameters = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.0)
    batch = torch.from_numpy(ids.astype(np.int64))
    clock, losses = _Clock(), []
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss = adapted(input_ids=batch, labels=batch, use_cache=False).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        clock.tick()
    return losses, clock


def _products(side: str, model: str, ids: np.ndarray, steps: int) -> tuple[list[float], "_Clock"]:
    """x @ Wᵀ and y @ W for every layer's matrices and for the head, by the rows that the head takes at once."""
    import torch

    decoder = load_frozen_decoder(resolve(model), torch.bfloat16)
    layers = [linear.matrix.read() for layer in decoder.layers for linear in layer.linears]
    work = [(matrix, ids.size) for matrix in layers]
    work += [(decoder.head.read(), min(ROWS_AT_ONCE, ids.size - start)) for start in range(0, ids.size, ROWS_AT_ONCE)]
    sizes = {(rows, width) for matrix, rows in work for width in matrix.shape}
    ready = {size: torch.full(size, 1e-3, dtype=torch.bfloat16) for size in sizes}
    clock = _Clock()
    for _ in range(steps):
        for matrix, rows in work:
            outputs, inputs = matrix.shape
            torch.mm(ready[rows, inputs], matrix.T, out=ready[rows, outputs])
            torch.mm(ready[rows, outputs], matrix, out=ready[rows, inputs])
            ready[rows, inputs].fill_(1e-3)
        clock.tick()
    return [], clock


def _same_start_(adapted: Any, model: str) -> None:
    """Give PEFT our first a matrices; both begin with b at zero."""
    import torch

    ours = TrainableLora(load_frozen_decoder(resolve(model), keep_quantized=True), LoraSettings(rank=RANK, alpha=ALPHA))
    modules = dict(adapted.named_modules())
    with torch.no_grad():
        for name, (a, _) in ours.parameters.items():
            _, layer, part = name.split(".")
            linear = modules[f"base_model.model.model.layers.{layer}.{_HF_NAMES[part]}"]
            linear.lora_A["default"].weight.copy_(a)
            assert not linear.lora_B["default"].weight.any()


class _Clock:
    """Times of steps, on the wall and of the processor."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.processor_seconds: list[float] = []
        self._last = time.perf_counter(), time.process_time()

    def tick(self) -> None:
        """A step has ended."""
        now = time.perf_counter(), time.process_time()
        self.seconds.append(now[0] - self._last[0])
        self.processor_seconds.append(now[1] - self._last[1])
        self._last = now


def _figures(runs: dict[str, list[dict[str, Any]]], options: argparse.Namespace) -> dict[str, Any]:
    num_tokens = options.sequences * options.length
    sides = {}
    for side, found in runs.items():
        seconds = statistics.median(run["step_seconds"] for run in found)
        losses = found[0]["losses"]
        sides[side] = {
            "tokens_per_s": round(num_tokens / seconds, 1),
            "tokens_per_s_of_each": [round(num_tokens / run["step_seconds"], 1) for run in found],
            "processor_seconds_a_step": statistics.median(run["step_processor_seconds"] for run in found),
            "peak_mb": statistics.median(run["peak_mb"] for run in found),
            "losses": losses,
        }
        if not losses or side.endswith("last-quarter"):
            continue
        for name, other in (("", "peft-float32"), ("_same_types", SAME_TYPES.get(side, ""))):
            if other in runs:
                difference = _largest_difference(losses, runs[other][0]["losses"])
                sides[side][f"largest_loss_difference{name}"] = round(difference, 5)
    return {
        "tokens_a_step": num_tokens,
        "steps": options.steps,
        "repeats": options.repeats,
        "threads": options.threads,
        "sides": sides,
    }


def _largest_difference(losses: list[float], others: list[float]) -> float:
    return max(abs(one / other - 1) for one, other in zip(losses, others, strict=True))


def _page(figures: dict[str, Any]) -> str:
    repeats = figures["repeats"]
    lines = [
        f"## {figures['tokens_a_step']:,} tokens a step, {figures['steps']} steps, "
        f"{repeats} process{'es' * (repeats > 1)} a side, {_threads(figures['threads'])}",
        "",
        "| side | tokens/s | processor s a step | peak MB | last loss | off PEFT float32 | off the same types |",
        "|---|---|---|---|---|---|---|",
    ]
    for side, found in figures["sides"].items():
        last_loss = f"{found['losses'][-1]:.4f}" if found["losses"] else ""
        differences = [
            f"{100 * found[name]:.2f} %" if name in found else ""
            for name in ("largest_loss_difference", "largest_loss_difference_same_types")
        ]
        lines.append(
            f"| {side} | {found['tokens_per_s']:,.0f} | {found['processor_seconds_a_step']:.2f} | "
            f"{found['peak_mb']:,.0f} | {last_loss} | {' | '.join(differences)} |"
        )
    return "\n".join(lines)


def _threads(count: int | None) -> str:
    return "all threads" if count is None else f"{count} thread{'s' * (count > 1)}"


if __name__ == "__main__":
    main(sys.argv[1:])
