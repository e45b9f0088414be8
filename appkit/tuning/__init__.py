"""Fine-tuning: from a file of examples to an adapter in a folder. Names are imported when they are first used."""

from typing import TYPE_CHECKING

from appkit.lazy_names import lazy_names

if TYPE_CHECKING:
    from appkit.tuning.begin import run_tuning, tune
    from appkit.tuning.config import TuneConfig, config_of
    from appkit.tuning.config_file import read_options
    from appkit.tuning.methods import METHODS
    from appkit.tuning.plan import TunePlan, plan_rows, plan_tuning
    from appkit.tuning.result import TuneResult
    from appkit.tuning.run import TuneStart

_HOMES = {
    "METHODS": "methods",
    "TuneConfig": "config",
    "TunePlan": "plan",
    "TuneResult": "result",
    "TuneStart": "run",
    "config_of": "config",
    "plan_rows": "plan",
    "plan_tuning": "plan",
    "read_options": "config_file",
    "run_tuning": "begin",
    "tune": "begin",
}

__all__ = [
    "METHODS",
    "TuneConfig",
    "TunePlan",
    "TuneResult",
    "TuneStart",
    "config_of",
    "plan_rows",
    "plan_tuning",
    "read_options",
    "run_tuning",
    "tune",
]

__getattr__ = lazy_names(__name__, _HOMES, globals())
