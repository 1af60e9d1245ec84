#!/usr/bin/env python3
"""Opens HTML reports in headless Chromium: screenshots in light, dark, phone width and print, and a
failure for anything on the console, any request for anything but the file, any dialog.

usage: check_report.py OUTPUT_FOLDER REPORT.html...

Speaks the DevTools protocol over a pair of pipes (--remote-debugging-pipe): JSON, ended by NUL.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

CHROMIUM = os.environ.get("CHROMIUM", "chromium")


class Browser:
    """One headless Chromium and the messages it sends."""

    def __init__(self):
        to_read, self.send_fd = os.pipe()
        self.read_fd, to_write = os.pipe()
        self.profile = tempfile.TemporaryDirectory()

        def wire():
            # The protocol's ends are descriptors 3 (commands) and 4 (answers).
            read = os.dup(to_read)
            write = os.dup(to_write)
            os.dup2(read, 3)
            os.dup2(write, 4)

        self.process = subprocess.Popen(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--hide-scrollbars", "--remote-debugging-pipe", "--user-data-dir=" + self.profile.name],
            preexec_fn=wire, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.buffer = b""
        self.events = []
        self.last = 0
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def read(self):
        while b"\0" not in self.buffer:
            piece = os.read(self.read_fd, 1 << 20)
            if not piece:
                raise RuntimeError("the browser ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.last += 1
        command = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.send_fd, json.dumps(command).encode() + b"\0")
        while True:
            message = self.read()
            if message.get("id") == self.last:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.events.append(message)

    def wait_for(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.read())

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def look(self, width, height, dark=False, phone=False, media="screen"):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=2 if phone else 1, mobile=phone)
        self.call("Emulation.setEmulatedMedia", media=media, features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def screenshot(self, path, whole=True, clip=None):
        parameters = {"format": "png", "captureBeyondViewport": whole}
        if clip:
            parameters["clip"] = {**clip, "scale": 1}
        elif whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            parameters["clip"] = {"x": 0, "y": 0, "width": size["width"],
                                  "height": min(size["height"], 14000), "scale": 1}
        data = self.call("Page.captureScreenshot", **parameters)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.profile.cleanup()


def complaints(events, url):
    """What no page of ours may cause."""
    found = []
    for event in events:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            found.append("exception: " + json.dumps(parameters["exceptionDetails"])[:400])
        elif method == "Runtime.consoleAPICalled":
            found.append("console: " + json.dumps(parameters["args"])[:400])
        elif method == "Log.entryAdded":
            found.append("log: " + parameters["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            found.append("dialog: " + parameters["message"])
        elif method == "Network.requestWillBeSent":
            asked = parameters["request"]["url"]
            if asked != url and not asked.startswith("data:"):
                found.append("request: " + asked)
    return found


ROWS = """JSON.stringify([...document.querySelectorAll('#rows tr')].slice(0, 1100)
          .map((tr) => [...tr.cells].map((td) => td.textContent)))"""


def check(browser, report, folder):
    problems = []
    url = pathlib.Path(report).resolve().as_uri()
    stem = pathlib.Path(report).stem
    browser.events.clear()
    browser.look(1280, 900)
    browser.call("Page.navigate", url=url)
    browser.wait_for("Page.loadEventFired")

    def expect(what, expression):
        if not browser.evaluate(expression):
            problems.append(f"{what}: not so ({expression})")

    expect("the script ran", "!document.getElementById('controls').hidden")
    expect("the table has rows", "document.querySelectorAll('#rows tr').length > 0")
    expect("figures are drawn", "document.querySelectorAll('svg .m').length > 0")
    expect("nothing of a record became an element",
           "document.querySelectorAll('img, iframe, script').length === 2")
    browser.evaluate("document.getElementById('more').click()")  # more than the first page
    scripted = json.loads(browser.evaluate(ROWS))
    browser.screenshot(folder / f"{stem}-light.png")
    browser.look(1280, 900, dark=True)
    browser.screenshot(folder / f"{stem}-dark.png")
    browser.look(390, 844, phone=True)
    browser.screenshot(folder / f"{stem}-phone.png")
    expect("a phone scrolls in one direction",
           "document.documentElement.scrollWidth <= document.documentElement.clientWidth")

    # A filter fades marks and shortens the table; sorting and a row's detail work.
    browser.look(1280, 900)
    browser.evaluate("(() => { const f = document.getElementById('f-text'); f.value = 'no such row';"
                     "f.dispatchEvent(new Event('input')); })()")
    expect("the filter empties the table", "document.querySelectorAll('#rows tr').length === 0")
    expect("the filter fades the figures", "document.querySelectorAll('svg .off').length > 0")
    browser.evaluate("document.getElementById('f-clear').click()")
    browser.evaluate("document.querySelectorAll('#table th button')[2].click()")
    expect("columns sort", "document.querySelectorAll('th[aria-sort]').length === 1")
    browser.evaluate("document.querySelector('#rows tr').click()")
    expect("a row opens", "document.getElementById('detail').open")
    browser.screenshot(folder / f"{stem}-detail.png", whole=False)
    browser.evaluate("document.getElementById('detail').close()")

    browser.look(1280, 900, media="print")
    pdf = browser.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]
    (folder / f"{stem}-print.pdf").write_bytes(base64.b64decode(pdf))

    # Without script: the same figures and a table.
    problems += complaints(browser.events, url)
    browser.events.clear()
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.call("Page.navigate", url=url)
    browser.wait_for("Page.loadEventFired")
    browser.screenshot(folder / f"{stem}-noscript.png")
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    expect("figures stand without script", "document.querySelectorAll('svg .m').length > 0")
    expect("the table stands without script", "document.querySelectorAll('#rows tr').length > 0")
    still = json.loads(browser.evaluate(ROWS))[:len(scripted)]
    for row, (one, other) in enumerate(zip(scripted, still)):
        if one != other:
            problems.append(f"row {row} reads {one} with script and {other} without")
            break
    expect("controls hide without script", "document.getElementById('controls').hidden")
    return problems + complaints(browser.events, url)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    browser = Browser()
    failed = False
    try:
        for report in sys.argv[2:]:
            problems = check(browser, report, folder)
            failed = failed or bool(problems)
            print(f"{report}: {'; '.join(problems) if problems else 'no complaint'}")
    finally:
        browser.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
