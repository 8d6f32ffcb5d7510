"""Chromium, as the tests of pages drive it: Playwright, with the browser of the machine."""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")


def executable() -> str:
    """The browser on this machine; skips where there is none, and fails where one is demanded."""
    path = next((path for name in NAMES if (path := shutil.which(name))), None)
    if path is None:
        words = f"no Chromium on this machine: expected one of {', '.join(NAMES)} on the path"
        (pytest.fail if os.environ.get("AUTOML_CNN_REQUIRE_BROWSER") else pytest.skip)(words)
    return path


def file(content: bytes) -> str:
    """An image file, as JavaScript has it."""
    return f'new File([Uint8Array.from(atob("{base64.b64encode(content).decode()}"), (sign) => sign.charCodeAt(0))], "a.png", {{type: "image/png"}})'


class Browser:
    """One page of a headless browser, and since it was last opened: what it asked for, and what it complained of."""

    def __init__(self) -> None:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        self.page = self._browser.new_page()
        self.page.set_default_timeout(60_000)
        self.requests: list[str] = []  # beside what is in the page itself
        self.complaints: list[str] = []  # errors on the console, exceptions, refused loads
        self.page.on("request", lambda asked: None if asked.url.startswith(("data:", "blob:")) else self.requests.append(asked.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def open(self, page: Path | str, *, width: int = 1200, scheme: Any = "light") -> None:
        """Load a file, or an address, and wait until it is there; `width` in px."""
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.emulate_media(color_scheme=scheme)
        self.page.goto("about:blank")
        self.requests.clear()
        self.complaints.clear()
        self.page.goto(page if isinstance(page, str) else page.resolve().as_uri())

    def run(self, script: str) -> Any:
        """The value of an expression; promises are waited for."""
        return self.page.evaluate(script)

    def until(self, script: str) -> None:
        """Wait until an expression is true."""
        self.page.wait_for_function(script)

    def close(self) -> None:
        """End the browser."""
        self._browser.close()
        self._playwright.stop()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)
