"""A real headless Chromium by its DevTools protocol, and the console as a process of its own, for the tests here."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from pipelines.core.settings import Settings

_PATIENCE = 30.0
_KEYS = {"Enter": ("\r", 13), "Tab": ("", 9), "Escape": ("", 27), " ": (" ", 32)}
PROGRAM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


class Tab:
    """One page of the browser, told what to do over its socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._numbers = socket, itertools.count(1)
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **given: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": given}))
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            told = json.loads(self._socket.recv(timeout=_PATIENCE))
            if told.get("id") == number:
                assert "error" not in told, told
                return dict(told["result"])
            self.events.append(told)
        raise AssertionError(f"Chromium has not answered {method}")

    def run(self, script: str) -> Any:
        """What a script gives in the page."""
        told = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def wait(self, script: str) -> Any:
        """Until a script gives something true."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                found = self.run(script)
            except AssertionError as error:  # the page was just being replaced
                if "context" not in str(error):
                    raise
                found = None
            if found:
                return found
            time.sleep(0.03)
        raise AssertionError(f"never true: {script}; the page says {self.run('document.body.innerText')[:600]}")

    def go(self, url: str) -> None:
        """Open an address and wait until it is there."""
        self.run("window.__left = true")
        self.send("Page.navigate", url=url)
        self._settled()

    def click(self, words: str) -> None:
        """Click the link or the button with these words, and wait for the page that follows."""
        place = self.run(
            "(() => { const one = [...document.querySelectorAll('a, button')]"
            f".find((one) => one.innerText.trim() === {json.dumps(words)} && one.getClientRects().length);"
            "if (!one) return null; one.scrollIntoView({block: 'center'}); const r = one.getBoundingClientRect();"
            "window.__left = true; return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        assert place is not None, f"nothing says {words!r}: {self.run('document.body.innerText')[:800]}"
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)
        self._settled()

    def fill(self, label: str, text: str) -> None:
        """Type into the field with this label."""
        assert self.run(
            "(() => { const label = [...document.querySelectorAll('label')]"
            f".find((one) => one.innerText.trim() === {json.dumps(label)});"
            "const field = label && document.getElementById(label.htmlFor); if (!field) return false;"
            "field.focus(); field.value = ''; return true; })()"
        ), f"no field is labelled {label!r}"
        self.send("Input.insertText", text=text)

    def choose(self, words: str) -> None:
        """Tick the choice whose label has these words."""
        assert self.run(
            "(() => { const label = [...document.querySelectorAll('label')]"
            f".find((one) => one.innerText.includes({json.dumps(words)}));"
            "if (!label) return false; label.querySelector('input').click(); return true; })()"
        ), f"no choice says {words!r}"

    def press(self, key: str, leaves: bool = False) -> None:
        """Press a key; `leaves`: and wait for the page that follows."""
        if leaves:
            self.run("window.__left = true")
        text, code = _KEYS[key]
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if kind == "keyDown" and text else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **typed)
        if leaves:
            self._settled()

    def media(self, scheme: str) -> None:
        """Light or dark."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def size(self, width: int, height: int, phone: bool = False) -> None:
        """The window's size in CSS pixels."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def script(self, allowed: bool) -> None:
        """Whether the page's own scripts run."""
        self.send("Emulation.setScriptExecutionDisabled", value=not allowed)

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        box = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": box["width"], "height": box["height"], "scale": 1}
        told = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(told["data"]))

    @property
    def text(self) -> str:
        """What the page says."""
        return str(self.run("document.body.innerText"))

    def complaints(self) -> list[str]:
        """What the browser wrote into its console: violations of the page's own policy among it."""
        self.run("1")
        logged = [one["params"]["entry"] for one in self.events if one.get("method") == "Log.entryAdded"]
        thrown = [one["params"] for one in self.events if one.get("method") == "Runtime.exceptionThrown"]
        return [one["text"] for one in logged if one["level"] in ("error", "warning")] + [str(one) for one in thrown]

    def _settled(self) -> None:
        self.wait("!window.__left && document.readyState === 'complete'")


class Console:
    """`python -m services.console` over a home of its own."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.settings = Settings(home=home)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RATCHET_")}
        environment = {**kept, "RATCHET_HOME": str(home), "PYTHONUNBUFFERED": "1", **settings}
        command = [sys.executable, "-m", "services.console", "--port", "0"]
        self._log = (home / "console.log").open("w")
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self.process.stdout is not None
        told = self.process.stdout.readline()
        assert "http://" in told, (home / "console.log").read_text()
        self.url = "http://" + told.split("http://", 1)[1].split()[0]

    def close(self) -> int:
        self.process.terminate()
        code = self.process.wait(timeout=20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()
        return code


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Tab]]:
    """Opens tabs; skips where there is no Chromium."""
    if PROGRAM is None:
        pytest.skip("no Chromium on this machine")
    profile = tmp_path_factory.mktemp("chromium")
    command = [
        PROGRAM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-dev-shm-usage",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "--remote-allow-origins=*",
        "about:blank",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sockets: list[ClientConnection] = []
    try:
        port = _port(profile / "DevToolsActivePort")

        def tab() -> Tab:
            made = httpx.put(f"http://127.0.0.1:{port}/json/new?about:blank", trust_env=False, timeout=_PATIENCE).json()
            sockets.append(connect(made["webSocketDebuggerUrl"], max_size=None, proxy=None))
            return Tab(sockets[-1])

        yield tab
    finally:
        for socket in sockets:
            socket.close()
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def console(settings: Settings) -> Iterator[Callable[..., Console]]:
    """Starts consoles over the test's home, and ends them."""
    started: list[Console] = []

    def start(**environment: str) -> Console:
        settings.home.mkdir(parents=True, exist_ok=True)
        started.append(Console(settings.home, **environment))
        return started[-1]

    yield start
    for one in started:
        one.close()


def _port(note: Path) -> int:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if note.exists() and (told := note.read_text().split()):
            return int(told[0])
        time.sleep(0.05)
    raise AssertionError("Chromium has not started")
