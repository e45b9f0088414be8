#!/bin/sh
# Says in one sentence what a machine lacks before anything is installed on it. $1: the Python to use.
python=$1

if ! command -v "$python" >/dev/null 2>&1; then
    echo "appkit needs Python 3.11 or newer, and '$python' is not on the path: install python3, or say make PYTHON=/path/to/python3." >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "appkit needs Python 3.11 or newer; '$python' is $("$python" -c 'import platform; print(platform.python_version())'): say make PYTHON=python3.11 or a newer one." >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    echo "This Python cannot make virtual environments: install python3-venv (Debian, Ubuntu: sudo apt install python3-venv)." >&2
    exit 1
fi
if ! command -v "${CXX:-c++}" >/dev/null 2>&1; then
    echo "appkit builds its kernels with a C++20 compiler, and '${CXX:-c++}' is not on the path: install g++ or clang (Debian, Ubuntu: sudo apt install g++; Fedora: sudo dnf install gcc-c++; macOS: xcode-select --install)." >&2
    exit 1
fi
