"""Fine-tuning: a small model learns from 1,200 real lines to sort software, and is measured before and after.

python examples/11_fine_tune.py [FOLDER [SEED [LINES]]]

The lines are what `apt-get update` fetches on Debian and Ubuntu: a description of each package and its section. Of a
source one package is taken, and none that shares half of its words with another, so nothing is measured that was
learnt. SEED draws them, LINES of each section to learn from. FOLDER keeps data, adapter and evaluations; after a stop
the same command goes on. Needs torch: pip install "appkit-llm[train]"
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import yaml

from appkit import LocalModel, Message, evaluate, tune
from eval.metrics import compare_pairs

MODEL = "smollm2-135m"
TASK = Path(__file__).with_name("debian_sections.yaml")
NEW = ("turns photos into comics", "reads your inbox aloud", "a chess engine that learns from its own play")


def read_packages(sections: list[str], num_each: int, seed: int) -> dict[str, list[str]]:
    """Descriptions by section, from what apt knows."""
    if shutil.which("apt-cache") is None:
        sys.exit("This example learns from the package lists of Debian or Ubuntu, and there is no apt-cache here.")
    listed = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout.decode()
    found: dict[str, list[str]] = {section: [] for section in sections}
    sources: set[str] = set()
    taken: list[set[str]] = []
    for stanza in sorted(listed.split("\n\n"), key=lambda stanza: crc32(f"{seed} {stanza}".encode())):
        package: dict[str, str] = dict(re.findall(r"^([\w-]+): (.+)$", stanza, re.M))
        section = package.get("Section", "").rpartition("/")[2]  # Ubuntu writes universe/games
        text = package.get("Description") or package.get("Description-en", "")
        source = package.get("Source", package.get("Package", "")).split(" ")[0]  # a version may follow
        words = set(re.findall(r"\w+", text.lower()))
        is_wanted = section in found and len(found[section]) < num_each and source not in sources
        if not is_wanted or words & {"transitional", "dummy", "metapackage"}:
            continue  # the latter hold nothing, and say so
        if words and not any(2 * len(words & other) >= len(words | other) for other in taken):
            found[section].append(text)
            sources.add(source)
            taken.append(words)
    if short := [section for section, texts in found.items() if len(texts) < num_each]:
        sys.exit(f"apt lists too few packages of {', '.join(short)}; apt-get update fetches its lists.")
    return found


folder = Path(sys.argv[1] if len(sys.argv) > 1 else "debian-sections")
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
num_learnt = int(sys.argv[3]) if len(sys.argv) > 3 else 100
folder.mkdir(parents=True, exist_ok=True)
task = Path(shutil.copy(TASK, folder))
asked = yaml.safe_load(task.read_text("utf-8"))
packages = read_packages(asked["doc_to_choice"], num_learnt + max(1, num_learnt // 5), seed)
for name, part in (("train", slice(num_learnt)), ("held_out", slice(num_learnt, None))):
    rows = [{"text": text, "section": section} for section, texts in packages.items() for text in texts[part]]
    (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")

print(f"{num_learnt * len(packages):,} lines to learn, {len(rows)} to measure with. Two cores take some five minutes.")
before = evaluate(task, MODEL, output=folder / "before")
print(f"Before: {before.figures['acc']}")
adapter = tune(
    folder / "train.jsonl",
    MODEL,
    output=folder / "adapter",
    fields={"prompt": "text", "completion": "section"},
    system=asked["description"],
    epochs=1,
    seed=seed,
)
print(f"Learnt in {adapter.seconds:.0f} s, {adapter.num_tokens:,} tokens.")
after = evaluate(task, MODEL, adapter=adapter.folder, output=folder / "after")
print(f"After: {after.figures['acc']}")
right = [[answered.values["acc"] for _, answered in run.samples] for run in (after, before)]
print(f"Difference: {compare_pairs(*right)}")

with LocalModel(MODEL, adapter=adapter.folder) as model:
    for text in NEW:
        question = (Message(role="system", content=asked["description"]), Message(role="user", content=text))
        print(f"{text} → {model.chat(question).text}")

print(f"""To see what was learnt, which answers changed, and to go on asking:
appkit tune preview {folder / "train.jsonl"} --fields prompt=text,completion=section -s "{asked["description"]}"
appkit eval compare {folder / "before"} {folder / "after"}
appkit chat --adapter {folder / "adapter"} -s "{asked["description"]}\"""")
