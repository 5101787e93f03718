# The two pictures of the README, made anew: `make pictures`. It is no test; look at them before they are committed.
import shutil
import threading
import time
import urllib.request

from lib import ROOT, SHOTS, run

LOAD = [("leak/slice?n=3", 0.2), ("leak/client?n=1", 0.5), ("leak/thread?n=1", 1.0), ("fixed/churn?n=20", 0.1)]


def keep_asking(url, seconds, until):
    while time.monotonic() < until:
        urllib.request.urlopen(url).read()
        time.sleep(seconds)


def test_pictures(t):
    "the dashboard's suspects and the playground's page, after forty seconds of load"
    server = t.serve("--rate", "65536", "--snapshot-every", "2s")
    until = time.monotonic() + 40
    askers = [threading.Thread(target=keep_asking, args=(f"{server.url}/{path}", seconds, until)) for path, seconds in LOAD]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    page = t.browse(1600, 900)
    page.open(f"{server.pprof}/#/suspects?from=1")
    t.wait_for("suspects", lambda: len(page.all(".suspect")) >= 3)
    page.screenshot("readme-suspects")
    page.open(f"{server.url}/#scene=slice")
    t.wait_for("the lab", lambda: page.all("#body h2"))
    page.driver.switch_to.frame(t.wait_for("charts", lambda: page.find("#charts iframe")))
    t.wait_for("figures", lambda: page.find(".chart.heap .now").text)
    page.driver.switch_to.default_content()
    page.screenshot("readme-playground")
    shutil.copy(SHOTS / "readme-suspects.png", ROOT / "scripts/suspects.png")
    shutil.copy(SHOTS / "readme-playground.png", ROOT / "scripts/playground.png")


run(globals())
