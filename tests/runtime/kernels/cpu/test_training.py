"""Training's kernels where no OpenMP library is loaded: they run on threads of their own, to the same bits."""

import subprocess
import sys

import numpy as np

from runtime.kernels.cpu import _cpu

ALONE = """
import numpy as np
from runtime.kernels.cpu import _cpu
team = _cpu.Team(3)
x = np.random.default_rng(0).standard_normal((500, 2 * 300), np.float32)
hidden = np.empty((500, 300), np.float32)
_cpu.train_gate(team, x, _cpu.Activation.silu, hidden)
print(team.is_borrowed, hidden.tobytes().hex())
"""


def test_without_openmp_a_team_has_threads_of_its_own() -> None:
    x = np.random.default_rng(0).standard_normal((500, 2 * 300), np.float32)
    hidden = np.empty((500, 300), np.float32)
    _cpu.train_gate(_cpu.Team(1), x, _cpu.Activation.silu, hidden)
    printed = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, check=True, text=True).stdout.split()
    assert printed == ["False", hidden.tobytes().hex()]
