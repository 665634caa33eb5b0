"""Chromium without a window, driven over a pipe by the DevTools protocol. Needs nothing but Python and Chromium."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def program():
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp()
        to_read, self.to_write = os.pipe()
        self.from_read, from_write = os.pipe()
        # Numbers above 3 and 4, which Chromium uses.
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (to_read, from_write)]
        os.close(to_read), os.close(from_write)
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
                 "--no-first-run", "--disable-extensions", "--hide-scrollbars", f"--user-data-dir={self.profile}", "about:blank"]
        command = f'exec "$0" "$@" 3<&{theirs[0]} 4>&{theirs[1]}'
        self.process = subprocess.Popen(["bash", "-c", command, program(), *flags], pass_fds=theirs,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        [os.close(fd) for fd in theirs]
        self.next, self.rest, self.events = 0, b"", []

    def message(self):
        while b"\0" not in self.rest:
            part = os.read(self.from_read, 1 << 16)
            assert part, "Chromium has ended"
            self.rest += part
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **params):
        self.next += 1
        request = {"id": self.next, "method": method, "params": params, **({"sessionId": session} if session else {})}
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.to_write, data):]
        while True:
            message = self.message()
            if message.get("id") == self.next:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self.events.append(message)

    def page(self, url, width=1280, height=900, scheme="light"):
        return Page(self, url, width, height, scheme)

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


class Page:
    """A page, with all its problems and the addresses that it asked for."""

    def __init__(self, browser, url, width, height, scheme):
        self.browser = browser
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        self.scheme(scheme)
        self.call("Page.navigate", url=url)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def resize(self, width, height, scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 600)

    def scheme(self, scheme):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def js(self, expression):
        """The value of an expression; a promise is awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not self.js(condition):
            assert time.monotonic() < end, f"{condition} does not become true; {self.problems()}"
            time.sleep(0.02)

    def click(self, selector, at=(0.5, 0.5)):
        """A click of the mouse at a place of an element, which is scrolled into view."""
        x, y = self.js(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{ block: "center", behavior: "instant" }});
            const box = element.getBoundingClientRect();
            return [box.left + {at[0]} * box.width, box.top + {at[1]} * box.height];
        }})()""")
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, key, code=None, text=None, number=0):
        more = {"text": text} if text else {}
        fields = {"key": key, "code": code or key, "windowsVirtualKeyCode": number, **more}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **fields)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=code or key, windowsVirtualKeyCode=number)

    def tab(self):
        self.key("Tab", number=9)

    def choose(self, name, value):
        """Chooses a setting as the page's own controls do."""
        self.js(f"""(() => {{
            const field = document.querySelector("#settings").elements[{json.dumps(name)}];
            if (field.type === "checkbox") field.checked = {json.dumps(value)}; else field.value = {json.dumps(str(value))};
            field.dispatchEvent(new Event("change", {{ bubbles: true }}));
        }})()""")

    def screenshot(self, path, whole=False):
        more = {}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            more = {"captureBeyondViewport": True, "clip": {**size, "scale": 1}}
        data = self.call("Page.captureScreenshot", format="png", **more)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def of(self, method):
        return [e["params"] for e in self.browser.events if e.get("sessionId") == self.session and e.get("method") == method]

    def problems(self):
        """Exceptions, and errors in the console."""
        self.js("0")
        found = [str(e["exceptionDetails"]) for e in self.of("Runtime.exceptionThrown")]
        found += [str(e["entry"]["text"]) for e in self.of("Log.entryAdded") if e["entry"]["level"] in ("error", "warning")]
        found += [str(e["args"]) for e in self.of("Runtime.consoleAPICalled") if e["type"] in ("error", "warning", "assert")]
        return found

    def addresses(self):
        return [e["request"]["url"] for e in self.of("Network.requestWillBeSent")]
