"""A real JupyterLab and a real Chromium, both of this test run and nobody else's."""

import json
import os
import re
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host_ports import free_port
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

__all__ = ["ARTEFACTS", "JupyterLab", "NotebookPage", "chromium", "jupyterlab"]

PROJECT = Path(__file__).resolve().parents[2]
ARTEFACTS = PROJECT / "tests" / "artefacts"
CHROMIUM = "/usr/bin/chromium"
SERVER_START_S = 180
CELLS_MS = 240_000
PAGE_MS = 180_000

# A busy machine needs more than the usual five seconds until something is on the page.
expect.set_options(timeout=120_000)

QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")


class JupyterLab:
    """A running server; `url` opens a notebook of its folder."""

    def __init__(self, port: int, token: str, folder: Path) -> None:
        self.port, self.token, self.folder = port, token, folder

    def url(self, notebook: str, workspace: str) -> str:
        """Return the address of a notebook, in a workspace of its own."""
        return (f"http://127.0.0.1:{self.port}/lab/workspaces/{workspace}/tree/{notebook}"
                f"?token={self.token}&reset")

    def api(self, path: str, method: str = "GET") -> object:
        """Ask the server's REST interface."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{path}", method=method,
            headers={"Authorization": f"token {self.token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def end_sessions(self) -> None:
        """End every notebook's session, and with it its kernel."""
        for session in self.api("sessions"):
            self.api(f"sessions/{session['id']}", "DELETE")


@contextmanager
def jupyterlab(folder: Path, environment: dict[str, str]) -> Iterator[JupyterLab]:
    """Run JupyterLab on a free port with nothing of the user's own configuration."""
    own, root = folder / "jupyter", folder / "notebooks"
    root.mkdir(parents=True, exist_ok=True)
    _settle(own)
    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
               "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
               "--ServerApp.port_retries=0", "--LabApp.expose_app_in_browser=True",
               f"--IdentityProvider.token={token}",
               f"--ServerApp.root_dir={root}"]
    with (folder / "jupyterlab.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log,
                                  env={**os.environ, **_places(own), **environment})
        try:
            lab = JupyterLab(port, token, root)
            _await_answer(lab, server, folder / "jupyterlab.log")
            yield lab
        finally:
            _shut_down(lab, server)


def _places(own: Path) -> dict[str, str]:
    names = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data",
             "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTERLAB_SETTINGS_DIR": "settings",
             "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython"}
    return {name: str(own / place) for name, place in names.items()} | {
        "PYTHONPATH": str(PROJECT)}


def _settle(own: Path) -> None:
    """No news and no question about them: they would cover what is looked at."""
    settings = own / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(
        {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}))


def _await_answer(lab: JupyterLab, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + SERVER_START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            lab.api("status")
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab does not answer:\n{log.read_text()[-3000:]}")


def _shut_down(lab: JupyterLab, server: subprocess.Popen) -> None:
    if server.poll() is None:
        lab.end_sessions()
        server.terminate()
    server.wait(timeout=60)


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Run Debian's Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(QUIET), env={**os.environ, "HOME": str(folder)})
        try:
            yield browser
        finally:
            browser.close()


class NotebookPage:
    """A notebook opened in JupyterLab, as a user drives it."""

    def __init__(self, browser: Browser, lab: JupyterLab, notebook: str, dark: bool = False,
                 size: tuple[int, int] = (1280, 1000)) -> None:
        self.page: Page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.page.set_default_timeout(PAGE_MS)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        workspace = f"w{secrets.token_hex(4)}"
        self.page.goto(lab.url(notebook, workspace))
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=PAGE_MS)
        self.await_kernel()
        self.choose_theme("JupyterLab Dark" if dark else "JupyterLab Light")

    def command(self, identifier: str, arguments: dict | None = None) -> None:
        """Execute one of JupyterLab's commands."""
        self.page.evaluate("([id, args]) => { jupyterapp.commands.execute(id, args); }",
                           [identifier, arguments or {}])

    def await_kernel(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(
            """() => jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel
                     ?.status === 'idle'""", timeout=PAGE_MS)

    def choose_theme(self, theme: str) -> None:
        """Choose a theme, and wait until JupyterLab has drawn it and its curtain is gone.

        Two curtains that fade at once are one too many for JupyterLab: it removes it twice.
        """
        self.command("apputils:change-theme", {"theme": theme})
        light = str("Light" in theme).lower()
        self.page.wait_for_selector(f"body[data-jp-theme-light='{light}']", state="attached")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    def run_all(self, timeout_ms: int = CELLS_MS, wait_all: bool = True) -> None:
        """Run every cell and wait until the last has ended; without `wait_all`, any."""
        self.page.evaluate(
            """(ms) => Promise.race([
                jupyterapp.commands.execute('notebook:run-all-cells').then(() => null),
                new Promise((_, late) => setTimeout(() => late('the cells have not ended'), ms)),
            ])""", timeout_ms)
        if wait_all:
            # A cell that is meant to fail settles the promise early.
            self.page.wait_for_function(
                """() => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
                         .every((prompt) => /\\[\\d+\\]/.test(prompt.textContent))""",
                timeout=timeout_ms)

    def run_cell(self, number: int, wait: bool = True, timeout_ms: int = CELLS_MS) -> None:
        """Run one code cell, counted from 0, and wait until it has ended."""
        self.page.evaluate(
            """(number) => {
                const notebook = jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = notebook.widgets
                    .indexOf(notebook.widgets.filter((w) => w.model.type === 'code')[number]);
                notebook.deselectAll();
                jupyterapp.commands.execute('notebook:run-cell');
            }""", number)
        if wait:
            prompt = self.page.locator(".jp-CodeCell .jp-InputPrompt").nth(number)
            expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=timeout_ms)

    def interrupt(self) -> None:
        """Interrupt the kernel; what was asked of it while it took notice is refused."""
        self.command("notebook:interrupt-kernel")
        self.await_kernel()
        self.page.wait_for_timeout(500)

    def restart_kernel(self) -> None:
        """Restart the kernel as its user would, and wait until it is there again."""
        self.page.evaluate(
            "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        self.await_kernel()

    def save(self) -> None:
        """Save the notebook, and wait until that is done."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")

    def end(self) -> None:
        """Close the page, and end the session of its notebook and with it the kernel."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.close()

    def output(self, holding: str) -> Locator:
        """Return the output area of the cell whose source has `holding` in it."""
        cell = self.page.locator(".jp-CodeCell").filter(
            has=self.page.locator(".jp-InputArea", has_text=holding)).first
        return cell.locator(".jp-OutputArea")

    def outputs(self, number: int) -> Locator:
        """Return what a code cell, counted from 0, has put out; no element if nothing.

        The twin of a view, which stands in for it when it is gone, is left out.
        """
        return self.page.locator(".jp-CodeCell").nth(number).locator(
            ".jp-OutputArea-child:not(:has(.rumplab-twin))")

    def shoot(self, name: str, of: Locator | None = None) -> Path:
        """Save a screenshot among the test artefacts."""
        ARTEFACTS.mkdir(exist_ok=True)
        path = ARTEFACTS / f"{name}.png"
        if of is not None:
            of.scroll_into_view_if_needed()
        (of if of is not None else self.page).screenshot(path=str(path))
        return path

    def close(self) -> None:
        self.page.close()


__all__ += ["expect"]
