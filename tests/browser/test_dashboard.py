# The profiler's dashboard, as people use it.
import http.server
import re
import shlex
import subprocess
import threading

from lib import run
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

SLICE = "/leak/slice?n=16&size=65536"  # a MiB that stays


def ready(t, page, view):
    """The view is there, and what it asked for is on the page."""
    t.wait_for(view, lambda: page.find("#main h1").text == view and not page.find("#main").get_attribute("aria-busy"))


def go(t, page, view, heading=None):
    page.find(f"nav a[data-view={view}]").click()
    ready(t, page, heading or view.capitalize())


def figure(page, name):
    """What stands in large letters on a chart, as a number of its unit and the unit."""
    number, unit = re.match(r"([\d.,]+) ?(\S*)", page.find(f".chart.{name} .now").text).groups()
    return float(number.replace(",", "")) * {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}.get(unit, 1)


def places(page):
    return [cell.text for cell in page.all("#main tbody td.place button")]


def snapshot(server, name):
    server.post(f"{server.pprof}/debug/snapshots?name={name}")


def test_live(t):
    "the charts show what was kept, and move under load"
    server = t.serve("--rate", "1")
    page = t.browse(1600, 1000)
    page.open(server.pprof + "/")
    for name in ("heap", "rss", "nonheap", "threads", "fds", "rate"):
        t.wait_for(name, lambda: re.match(r"\d", page.find(f".chart.{name} .now").text))
    t.wait_for("the program's name", lambda: page.driver.title == "Live · leakyard · leakprof")
    before, drawn = {name: figure(page, name) for name in ("heap", "threads", "fds")}, "return document.querySelector('.heap canvas').toDataURL()"
    picture = page.js(drawn)
    page.find("#take").click()
    t.wait_for("a word on it", lambda: "taken in" in page.find("#said").text)
    for _ in range(4):
        server.get(server.url + SLICE)
    server.get(server.url + "/leak/thread?n=20")
    server.get(server.url + "/leak/client?n=20")
    t.wait_for("more heap", lambda: figure(page, "heap") >= before["heap"] + 4 * 2**20)
    t.wait_for("more threads", lambda: figure(page, "threads") >= before["threads"] + 20)
    t.wait_for("more descriptors", lambda: figure(page, "fds") >= before["fds"] + 20)
    t.true("the chart moves", page.js(drawn) != picture)
    t.true("in words too", "MiB" in page.find(".heap canvas").get_attribute("aria-label"))
    page.screenshot("dashboard-live")
    page.scheme(dark=True)
    t.wait_for("night", lambda: page.js("return getComputedStyle(document.documentElement).backgroundColor") == "rgb(18, 22, 28)")
    page.screenshot("dashboard-live-dark")


def test_compare(t):
    "two snapshots are taken, named, picked and compared; a shared link shows the same in another browser; one is deleted"
    server = t.serve("--rate", "1")
    page = t.browse(1600, 1000)
    page.open(server.pprof + "/")
    ready(t, page, "Live")
    go(t, page, "snapshots")
    page.find("#main .empty button").click()
    t.wait_for("one snapshot", lambda: len(page.all("#main tbody tr")) == 1)
    server.get(server.url + SLICE)
    server.get(server.url + "/leak/cache?n=20")
    page.find("#main form input").send_keys("after the load" + Keys.ENTER)
    t.wait_for("two snapshots", lambda: len(page.all("#main tbody tr")) == 2)
    t.equal("the newest first", page.find("#main tbody th").text, "2 after the load")
    page.find("input[name=from][value='1']").click()
    page.find("input[name=to][value='2']").click()
    page.screenshot("dashboard-snapshots")
    page.find("#main a.button").click()
    ready(t, page, "Compare")

    frame = page.find("iframe.flame")
    page.driver.switch_to.frame(frame)
    t.wait_for("the flame graph", lambda: "slice_leak" in page.js("return document.documentElement.textContent"))
    page.js("document.querySelector('input').focus()")
    page.press("cache", Keys.ENTER)
    page.driver.switch_to.default_content()
    t.wait_for("what is searched there, in the address", lambda: "flame=search%3Dcache" in page.driver.current_url)
    t.wait_for("all of it", lambda: frame.size["height"] > 100)
    t.equal("what grew most", places(page)[0], "slice_leak")
    t.true("by how much", page.find("#main tbody td").text.startswith("+1.00 MiB"))
    page.screenshot("dashboard-compare", whole=True)

    by_function = page.find("#main th:last-child button")
    by_function.click()
    t.wait_for("sorted", lambda: page.find("#main th:last-child").get_attribute("aria-sort") == "ascending")
    t.equal("in order", places(page), sorted(places(page), key=str.lower))
    t.equal("only by that", len(page.all("th[aria-sort=ascending], th[aria-sort=descending]")), 1)
    page.find("#main tbody td.place button").click()
    t.wait_for("a stack", lambda: page.find("tr.detail .stack .guilty"))

    other = t.browse(1600, 1000)
    other.open(page.driver.current_url)
    ready(t, other, "Compare")
    t.equal("the same order", places(other), places(page))
    t.equal("the same snapshots", [Select(other.find(f"select[name={name}]")).first_selected_option.get_attribute("value")
                                   for name in ("from", "to")], ["1", "2"])
    other.driver.switch_to.frame(other.find("iframe.flame"))
    t.wait_for("the same search", lambda: other.find("input").get_attribute("value") == "cache")

    Select(page.find("select[name=profile]")).select_by_value("threads")
    t.wait_for("another profile", lambda: "profile=threads" in page.driver.current_url and page.all("select[name=value] option[value=threads]"))
    t.wait_for("the focus where it was", lambda: page.js("return document.activeElement.name") == "profile")
    page.driver.back()
    t.wait_for("back", lambda: Select(page.find("select[name=profile]")).first_selected_option.text == "heap")

    go(t, page, "snapshots")
    page.find("button[aria-label='1 before: rename']").click()
    page.press("calm", Keys.ENTER)
    t.wait_for("another name", lambda: page.all("button[aria-label='1 calm: rename']"))
    page.find("button[aria-label='Delete snapshot 1 calm']").click()
    t.equal("asked first", len(page.all("#main tbody tr")), 2)
    page.find("button[aria-label='Delete snapshot 1 calm']").click()
    t.wait_for("one is left", lambda: [row.text for row in page.all("#main tbody th")] == ["2 after the load"])
    Select(page.find("select[name=every]")).select_by_value("1s")
    t.wait_for("some by themselves", lambda: any("by itself" in row.text for row in page.all("#main tbody th")))


def test_suspects(t):
    "suspects are ranked with their function, line and stack; where nothing grew it says so"
    server = t.serve("--rate", "1")
    snapshot(server, "before")
    for scene in ("slice", "thread", "client"):
        server.get(f"{server.url}/leak/{scene}?n=20")
    snapshot(server, "after")
    page = t.browse(1600, 1000)
    page.open(server.pprof + "/#/suspects?from=1&to=2")
    ready(t, page, "Suspects")
    cards = {card.find_element("css selector", "h2").text.split()[-1]: card for card in page.all(".suspect")}
    for name, where in (("slice_leak", "slice.c:"), ("wait_for_answer_forever", "thread.c:"), ("client_leak", "client.c:")):
        t.true(f"{name} is among {list(cards)}", name in cards)
        t.true(where, where in cards[name].find_element("css selector", ".where").text)
    cards["slice_leak"].find_element("css selector", "summary").click()
    t.wait_for("the stack", lambda: cards["slice_leak"].find_element("css selector", ".stack .guilty").is_displayed())
    t.true("what grew too little is listed", len(page.all("#main .little li")) > 0)
    page.screenshot("dashboard-suspects")
    snapshot(server, "later")
    page.open(server.pprof + "/#/suspects?from=2&to=3")
    t.wait_for("nothing", lambda: page.find("#main .empty h2").text == "Nothing grew")
    page.open(server.pprof + "/#/suspects?from=7&to=8")
    t.wait_for("no such snapshot", lambda: 'there is no snapshot "7"' in page.find("[role=alert]").text)
    t.equal("console", [line for line in page.console() if "404" not in line], [])


def test_deadlocks(t):
    "a deadlock stands above the suspects, with the place of each of its threads; the threads show who waits behind it"
    server = t.serve()
    snapshot(server, "before")
    server.get(f"{server.url}/leak/deadlock?n=3")
    snapshot(server, "after")
    page = t.browse(1600, 1000)
    page.open(server.pprof + "/#/suspects?from=1&to=2")
    ready(t, page, "Suspects")
    section = page.find("#main .deadlocks").text
    t.true("two", "2 threads wait for each other." in section)
    t.true("their place", len(re.findall(r"thread \d+ transfer waits for thread \d+ in transfer_in_given_order .*deadlock\.c:\d+", section)) == 2)
    t.true("the others", "4 more wait behind." in section)
    page.screenshot("dashboard-deadlock")
    page.open(server.pprof + "/#/threads")
    ready(t, page, "Threads")
    states = [row.text for row in page.all("#main tbody tr") if "transfer_in_given_order" in row.text]
    t.true("members and others", any("deadlock" in state and "behind" not in state for state in states) and any("behind a deadlock" in state for state in states))
    t.equal("console", page.console(), [])


def test_profiles(t):
    "threads stand by stack with their wait, descriptors with their peer, mappings with their size, the profiler with what it uses"
    server = t.serve("--rate", "1")
    for scene in ("thread", "client", "mmap"):
        server.get(f"{server.url}/leak/{scene}?n=7")
    page = t.browse(1600, 1000)
    page.open(server.pprof + "/#/threads")
    ready(t, page, "Threads")
    row = page.find("#main tbody tr")
    t.true("seven wait", row.text.startswith("7") and "wait_for_answer_forever" in row.text and "futex" in row.text)
    row.find_element("css selector", "button").click()
    t.wait_for("who created them", lambda: "start_lookup" in page.find("tr.detail").text)
    page.screenshot("dashboard-threads")

    go(t, page, "descriptors")
    page.find("input[type=search]").send_keys("client_leak")
    t.wait_for("those alone", lambda: len(page.all("#main tbody tr")) == 7)
    t.true("peer and state", re.search(r"127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+\s+ESTABLISHED", page.find("#main tbody tr").text))
    t.true("in the address", "find=client_leak" in page.driver.current_url)
    page.screenshot("dashboard-descriptors")

    go(t, page, "mappings")
    page.find("input[type=search]").send_keys("mmap_leak")
    t.wait_for("those alone", lambda: set(places(page)) == {"mmap_leak"})

    go(t, page, "profiler", "The profiler itself")
    t.true("its tables", "Its tables" in page.find("#main").text)
    Select(page.find("select[name=rate]")).select_by_value("524288")
    t.wait_for("another rate", lambda: '"rate": 524288' in server.get(server.pprof + "/debug/rate"))
    page.screenshot("dashboard-profiler", whole=True)


def test_commands(t):
    "every view shows the commands that give the same figures, and they do; they can be copied"
    server = t.serve("--rate", "1")
    snapshot(server, "before")
    server.get(server.url + SLICE)
    snapshot(server, "after")
    page = t.browse()
    for view in ("live", "snapshots", "compare", "suspects", "threads", "descriptors", "mappings", "profiler"):
        page.open(f"{server.pprof}/#/{view}")
        t.wait_for(view, lambda: page.all(f"nav a[data-view={view}][aria-current=page]") and page.all("#main .commands")
                   and not page.find("#main").get_attribute("aria-busy"))
        lines = [code.text for code in page.all(".commands code")]
        t.true(f"{view}: curl and pprof in {lines}", lines[0].startswith("curl ") and lines[-1].startswith("go tool pprof "))
        for line in lines:
            words = shlex.split(line)
            limits = ["-m", "1"] if "-N" in words else ["--fail"]
            if words[0] == "go":
                words, limits = ["curl", "-s", words[-1]], ["--fail", "-o", str(t.work / "profile")]
            told = subprocess.run(words + limits, capture_output=True, timeout=60)
            t.true(f"{line} answers: {told}", told.stdout or (t.work / "profile").stat().st_size)
    page.open(server.pprof + "/#/suspects")
    ready(t, page, "Suspects")
    page.find(".commands button").click()
    t.wait_for("copied", lambda: page.find("#said").text == "Copied.")


def test_keyboard(t):
    "all of it works without a mouse, and headings, tables and regions have names"
    server = t.serve("--rate", "1")
    snapshot(server, "before")
    page = t.browse(1600, 1000)
    page.open(server.pprof + "/#/threads")
    ready(t, page, "Threads")
    page.press(Keys.TAB)
    t.equal("first", page.js("return document.activeElement.textContent"), "Skip to the content")
    page.press(Keys.ENTER)
    t.equal("skipped", page.js("return document.activeElement.id"), "main")
    t.true("where it was", page.driver.current_url.endswith("#/threads"))
    page.js("document.querySelector('nav a[data-view=descriptors]').focus()")
    page.press(Keys.ENTER)
    ready(t, page, "Descriptors")
    t.wait_for("the title has the focus", lambda: page.js("return document.activeElement.textContent") == "Descriptors")
    page.js("document.querySelector('th button').focus()")
    page.press(Keys.SPACE)
    t.wait_for("sorted", lambda: page.find("th").get_attribute("aria-sort") == "descending")
    page.press(Keys.SPACE)
    t.wait_for("the other way", lambda: page.find("th").get_attribute("aria-sort") == "ascending")
    for css in ("header", "nav[aria-label]", "main", "footer", "caption", "th[scope=col]", "[role=status]"):
        t.true(css, page.all(css))
    for view in ("live", "snapshots", "compare", "threads", "profiler"):
        page.open(f"{server.pprof}/#/{view}")
        t.wait_for(view, lambda: page.all(f"nav a[data-view={view}][aria-current=page]") and not page.find("#main").get_attribute("aria-busy"))
        t.equal("one h1", len(page.all("h1")), 1)
        nameless = page.js("""return [...document.querySelectorAll('button, a, input, select, iframe, canvas')].filter(
            e => !(e.textContent.trim() || e.title || e.ariaLabel || (e.labels && e.labels.length))).map(e => e.outerHTML)""")
        t.equal(f"{view}: without a name", nameless, [])


class Host(http.server.BaseHTTPRequestHandler):
    """A page of another port of this machine that has the charts in a frame."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        page = f"<!doctype html><link rel=icon href='data:,'><iframe width=1200 height=700 src='{self.server.pprof}/?view=live'></iframe>"
        self.wfile.write(page.encode())

    def log_message(self, *_):
        pass


def test_framed(t):
    "a page on another port may show the charts alone in a frame"
    server = t.serve()
    host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
    host.daemon_threads, host.pprof = True, server.pprof
    threading.Thread(target=host.serve_forever, daemon=True).start()
    t.at_end(host.server_close)
    t.at_end(host.shutdown)
    page = t.browse()
    page.open(f"http://127.0.0.1:{host.server_port}/")
    page.driver.switch_to.frame(page.find("iframe"))
    t.wait_for("the charts", lambda: figure(page, "threads") >= 1)
    t.true("nothing around them", not page.find("nav").is_displayed() and not page.find(".commands").is_displayed())
    page.screenshot("dashboard-framed")


def test_password(t):
    "with a token as the password the page and all that it does works"
    token = t.work / "token"
    token.write_text("a-secret-of-some-length\n")
    token.chmod(0o600)
    server = t.serve("--token-file", str(token))
    page = t.browse()
    page.open(server.pprof.replace("http://", "http://me:a-secret-of-some-length@") + "/")
    t.wait_for("figures", lambda: figure(page, "threads") >= 1)
    page.find("#take").click()
    t.wait_for("a snapshot", lambda: "Snapshot 1 taken" in page.find("#said").text)
    go(t, page, "compare")
    page.driver.switch_to.frame(page.find("iframe.flame"))
    t.wait_for("the flame graph", lambda: page.js("return document.documentElement.textContent.length") > 0)


def test_crowded(t):
    "a page that finds all streams taken waits, and goes on when one is free"
    server = t.serve()
    readers = [subprocess.Popen(["curl", "-sN", server.pprof + "/debug/live"], stdout=open(t.work / f"{i}", "wb")) for i in range(16)]
    for reader in readers:
        t.at_end(lambda reader=reader: (reader.kill(), reader.wait()))
    t.wait_for("all taken", lambda: all((t.work / f"{i}").stat().st_size for i in range(16)))
    page = t.browse()
    page.open(server.pprof + "/")
    ready(t, page, "Live")
    t.wait_for("refused", lambda: "503" in " ".join(page.console()))
    t.true("waits", page.find(".head .tag").text != "live")
    readers[0].kill()
    t.wait_for("live", lambda: page.find(".head .tag").text == "live")
    t.equal("console", [line for line in page.console() if "503" not in line], [])


run(globals())
