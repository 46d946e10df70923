"""Chromium without a window, driven through a pipe by its DevTools protocol: no package is needed."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
from contextlib import contextmanager

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

SECONDS = 60  # after which a browser that says nothing is given up


def chromium():
    """The path of the browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """One page in the browser."""

    def __init__(self, reads, writes):
        self._reads, self._writes, self._number, self._left = reads, writes, 0, b""
        self.heard = []  # what the page said by itself: errors, and what it asked the network for
        self._session = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for room in ("Page", "Runtime", "Network"):
            self.ask(f"{room}.enable")

    def ask(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.heard.append(answer)

    def _next(self):
        while b"\0" not in self._left:
            if not select.select([self._reads], [], [], SECONDS)[0]:
                raise TimeoutError(f"The browser has said nothing for {SECONDS} seconds.")
            more = os.read(self._reads, 1 << 16)
            if not more:
                raise RuntimeError("The browser has ended.")
            self._left += more
        message, _, self._left = self._left.partition(b"\0")
        return json.loads(message)

    def open(self, path, section=""):
        self.heard.clear()
        self.ask("Page.navigate", url=path.resolve().as_uri() + section)
        while not any(one.get("method") == "Page.loadEventFired" for one in self.heard):
            self.heard.append(self._next())
        self.wait()

    def wait(self):
        """Until what was asked for is drawn."""
        self("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def __call__(self, expression):
        """The value of an expression in the page."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"].get("description", "an error in the page"))
        return found["result"].get("value")

    def press(self, key):
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35, "Tab": 9}
        for kind in ("rawKeyDown", "keyUp"):
            code = codes.get(key, 0)
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)
        self.wait()

    def errors(self):
        return [one["params"] for one in self.heard if one.get("method") == "Runtime.exceptionThrown"]

    def requests(self):
        """The addresses that the page asked for."""
        sent = [one["params"] for one in self.heard if one.get("method") == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]

    def look(self, width, height, dark=False, touch=False):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", features=features)
        self.wait()

    def picture(self, path, whole=True):
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser():
    """Gives a `Tab`."""
    their_read, our_write = os.pipe()
    our_read, their_write = os.pipe()
    # The browser reads from 3 and writes to 4. The two are first moved up, for they may have these numbers themselves.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (their_read, their_write)]
    flags = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --remote-debugging-pipe"
    command = f'exec "$0" {flags} 3<&{high[0]} 4>&{high[1]}'
    started = ["bash", "-c", command, chromium()]
    process = subprocess.Popen(started, pass_fds=high, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for fd in (*high, their_read, their_write):
        os.close(fd)
    try:
        yield Tab(our_read, our_write)
    finally:
        process.terminate()
        process.wait()
        os.close(our_read)
        os.close(our_write)
