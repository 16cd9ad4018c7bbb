"""Chromium for tests of pages: headless, and quiet but for what the pages ask for."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException


CHROMIUM = shutil.which("chromium")
# Long, as other work may keep the machine busy.
WAIT_SECONDS = 240
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@contextmanager
def chromium(folder: Path) -> Iterator[webdriver.Chrome]:
    """A browser that downloads to a folder, where its profile lies too."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    flags = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-sync"
    flags += " disable-component-update disable-dev-shm-usage use-fake-device-for-media-stream"
    flags += f" use-fake-ui-for-media-stream window-size=1400,1000 user-data-dir={folder / 'profile'}"
    for flag in flags.split(" "):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    # What Debian has, and no download of another.
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def wait(condition: Callable):
    """What a condition gives, once it is true."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        try:
            if value := condition():
                return value
        except StaleElementReferenceException:
            # Redrawn in between.
            pass
        time.sleep(0.1)
    raise TimeoutError("waited in vain")


def requests(browser: webdriver.Chrome) -> list[tuple[str, str]]:
    """What the pages have asked for since the last call: which tab each was in, and the address."""
    entries = [json.loads(entry["message"]) for entry in browser.get_log("performance")]
    sent = [entry for entry in entries if entry["message"]["method"] == "Network.requestWillBeSent"]
    return [(entry["webview"], entry["message"]["params"]["request"]["url"]) for entry in sent]
