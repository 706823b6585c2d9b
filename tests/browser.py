"""A page in a headless Chromium: a script is run at its end, and what it returns comes back."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REPLY = re.compile(r'<pre id="reply">(.*?)</pre>', re.DOTALL)
ASK = """<script>addEventListener("load", async () => {
  const reply = document.createElement("pre");
  reply.id = "reply";
  let told;
  try { told = await (async () => { SCRIPT })(); } catch (error) { told = `failed: ${error}`; }
  reply.textContent = JSON.stringify(told);
  parent.document.body.append(reply);
});</script></body>"""


def find():
    """The browser's program; without one the test is skipped."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed (Debian: apt-get install chromium)")
    return found


def run(page, script, folder, *, width=1280, dark=False):
    """What the body of a JavaScript function returns on a page.

    Args:
        page: HTML.
        script: the function's body.
        folder: for the page and the browser's own files.
        width: of the page, in CSS pixels; in a frame, since a window has a least width.
        dark: whether the system prefers dark colours.
    """
    (folder / "page.html").write_text(page.replace("</body>", ASK.replace("SCRIPT", script)))
    frame = f'<iframe src="page.html" style="width:{width}px;height:900px;border:0"></iframe>'
    (folder / "outer.html").write_text(f"<!doctype html><body>{frame}")
    command = [
        find(), "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
        f"--user-data-dir={folder / 'profile'}", f"--window-size={width + 60},1000",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}", "--virtual-time-budget=20000",
        "--dump-dom", (folder / "outer.html").as_uri(),
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    found = REPLY.search(result.stdout)
    assert found, f"the page did not answer:\n{result.stderr[-2000:]}"
    return json.loads(unescape(found[1]))
