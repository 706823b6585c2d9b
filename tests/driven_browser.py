"""A headless Chromium that a test drives on a page of a server: DevTools' protocol, one command at a time."""

import asyncio
import base64
import json
import subprocess
import time
import urllib.request
from contextlib import contextmanager

from tornado.websocket import websocket_connect

import browser

WAIT = 0.2  # seconds between two looks


class Tab:
    """A page: what it asked for over the network is in `requests`."""

    def __init__(self, loop, socket):
        self.loop, self.socket, self.number, self.requests = loop, socket, 0, []

    def do(self, method, **given):
        """The result of a command."""
        return self.loop.run_until_complete(asyncio.wait_for(self._do(method, given), 60))

    async def _do(self, method, given):
        self.number += 1
        number = self.number
        await self.socket.write_message(json.dumps({"id": number, "method": method, "params": given}))
        while True:
            told = json.loads(await self.socket.read_message())
            if told.get("method") == "Network.requestWillBeSent":
                self.requests.append(told["params"]["request"]["url"])
            if told.get("id") == number:
                assert "error" not in told, (method, told)
                return told["result"]

    def js(self, expression):
        """The value of a JavaScript expression."""
        return self.do("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait(self, expression, seconds=60):
        """Return when it is true."""
        end = time.monotonic() + seconds
        while not self.js(f"Boolean({expression})"):
            assert time.monotonic() < end, f"not within {seconds} seconds: {expression}\n{self.text()}"
            time.sleep(WAIT)

    def text(self):
        return self.js("document.body.innerText")

    def drop(self, selector, path):
        """Give a file to an input."""
        root = self.do("DOM.getDocument")["root"]["nodeId"]
        node = self.do("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.do("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def picture(self, path):
        """A screenshot of the whole page."""
        shot = self.do("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def tab(url, folder, width=1280, height=1400):
    """A tab on a page; without a browser the test is skipped."""
    command = [
        browser.find(), "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
        f"--user-data-dir={folder}", f"--window-size={width},{height}", "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    loop = asyncio.new_event_loop()
    try:
        port = _port(folder / "DevToolsActivePort")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as reply:
            address = next(each for each in json.load(reply) if each["type"] == "page")
        socket = loop.run_until_complete(_connect(address["webSocketDebuggerUrl"]))
        page = Tab(loop, socket)
        page.do("Network.enable")
        page.do("Page.navigate", url=url)
        yield page
        socket.close()
    finally:
        process.kill()
        process.wait()
        loop.close()


async def _connect(address):
    return await websocket_connect(address, max_message_size=1 << 28)


def _port(file, seconds=30):
    end = time.monotonic() + seconds
    while not (file.exists() and (lines := file.read_text().split())):
        assert time.monotonic() < end, "the browser did not start"
        time.sleep(WAIT)
    return lines[0]
