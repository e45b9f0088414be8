"""A headless Chromium that tests open pages in, over its debugging pipe: what a page shows, does, logs and asks for.

Source: the Chrome DevTools protocol; messages are JSON, each ended by a NUL, read from descriptor 3 and written to 4.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

TIMEOUT_S = 60.0
_KEYS = {"ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "Enter": 13, "Tab": 9, "End": 35}


class Browser:
    """One browser with one page. Everything waits, with a deadline, until the browser says it is done."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to_browser = to_browser
        self._from_browser = from_browser
        self._unread = b""
        self._last_id = 0
        self._session = ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, path: Path, fragment: str = "") -> None:
        """Load a file and wait for it to have loaded. What it logs and asks for is collected anew."""
        self.call("Page.navigate", url="about:blank")
        self._wait_for_load()
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri() + fragment)
        self._wait_for_load()

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Wait for an expression to become true."""
        deadline = time.monotonic() + TIMEOUT_S
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, f"never true: {expression}"
            time.sleep(0.02)

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=_KEYS[key])

    def look(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """From now on the window has this size, and its user prefers this scheme."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def complaints(self) -> list[str]:
        """Exceptions and what the browser logged since the page was opened, such as violations of its policy."""
        self.evaluate("0")  # what happened before has been told by now
        names = (
            "Runtime.exceptionThrown",
            "Log.entryAdded",
            "Runtime.consoleAPICalled",
            "Page.javascriptDialogOpening",
        )
        return [json.dumps(event["params"])[:500] for event in self.events if event["method"] in names]

    def requests(self) -> list[str]:
        """Everything the page asked for, itself included."""
        asked = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in asked]

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to_browser, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last_id:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def _wait_for_load(self) -> None:
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._read()
        self.events = [event for event in self.events if event["method"] != "Page.loadEventFired"]

    def _read(self) -> dict[str, Any]:
        """The next message; events are also kept."""
        deadline = time.monotonic() + TIMEOUT_S
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._from_browser], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"the browser said nothing for {TIMEOUT_S:g} s"
            data = os.read(self._from_browser, 1 << 20)
            assert data, "the browser has ended"
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self.events.append(message)
        return message


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """A browser that keeps what it keeps in `folder`; the calling test is skipped where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here: install the package chromium to test pages in a browser")
    command_in, to_browser = os.pipe()
    from_browser, answers_out = os.pipe()
    # Without the sandbox it also runs in containers and as the superuser; the pages are the tests' own.
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions"]
    flags += ["--no-first-run", "--lang=en", "--remote-debugging-pipe", f"--user-data-dir={folder}"]
    # The shell puts the pipes where the browser expects them.
    script = f'exec "$@" 3<&{command_in} 4>&{answers_out}'
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", program, *flags],
        pass_fds=(command_in, answers_out),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(command_in)
    os.close(answers_out)
    try:
        yield Browser(to_browser, from_browser)
    finally:
        os.close(to_browser)  # at the end of the pipe the browser ends
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(from_browser)
