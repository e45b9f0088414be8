"""Tasks written in YAML, in lm-evaluation-harness's field names, over rows in local files. Nothing in them is executed.

docs/evaluation_tasks.md says how to write one.
"""

from eval.yaml_tasks.task import load_yaml_task

__all__ = ["load_yaml_task"]
