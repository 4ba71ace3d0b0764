"""Owns pictures of the built site as a browser shows it: `python -m tests.docs.screenshots FOLDER [PAGE…]`.

Needs Debian's chromium (`apt-get install chromium`). Each page is opened from the disk, at the width of a
desktop and of a phone. Exit status 1 if a page is wider than its window: then something on it does not fit.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from labs.kit.docs_command import build_site

WIDTHS = {"desktop": (1280, 1600), "phone": (390, 1600)}
BROWSER = "chromium"
FRAME = """<!doctype html><body style="margin:0">
<iframe id=f src="{url}" style="border:0;width:{width}px;height:{height}px"></iframe>
<script>
f.onload = () => setTimeout(() => {{
  let wide = -1;
  try {{ wide = f.contentDocument.documentElement.scrollWidth }} catch (error) {{}}
  document.title = "w" + wide;
}}, 500)
</script>"""


def browser(*words: str) -> str:
    """What Chromium prints."""
    argv = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=4000",
            "--allow-file-access-from-files", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False).stdout


def shoot(page: Path, picture: Path, width: int, height: int) -> int:
    """Take the picture; how many pixels wide the page wants to be. A headless window is never narrower than 500
    pixels, so a phone is a frame of its width."""
    with tempfile.NamedTemporaryFile("w", suffix=".html") as frame:
        frame.write(FRAME.format(url=page.as_uri(), width=width, height=height))
        frame.flush()
        url = Path(frame.name).as_uri()
        browser(f"--window-size={max(width, 500)},{height}", f"--screenshot={picture}", url)
        title = re.search(r"<title>w(-?\d+)", browser(f"--window-size={max(width, 500)},{height}", "--dump-dom", url))
    return int(title[1]) if title else -1


def main(folder: str, *wanted: str) -> int:
    """Build, shoot all pages (or those whose path holds one of `wanted`), and say which do not fit."""
    if shutil.which(BROWSER) is None:
        print("There is no chromium here: apt-get install chromium", file=sys.stderr)
        return 3
    out, wide = Path(folder).absolute(), 0
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as built:
        site = Path(built) / "site"
        build_site(site)
        for page in sorted(site.rglob("*.html")):
            name = str(page.relative_to(site).with_suffix("")).replace("/", "_")
            if name == "404" or (wanted and not any(part in name for part in wanted)):
                continue
            for kind, (width, height) in WIDTHS.items():
                wants = shoot(page, out / f"{name}.{kind}.png", width, height)
                wide += wants > width
                print(f"{name:<40} {kind:<8} {wants} px" + ("   TOO WIDE" if wants > width else ""), flush=True)
    return 1 if wide else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or ["screenshots"]))
