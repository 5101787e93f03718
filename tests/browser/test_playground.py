# The playground's own page, as a trainer in front of a room uses it.
import re
import socket

from lib import run
from selenium.webdriver.common.keys import Keys

UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def figure(text):
    """The first figure in a text, in its unit."""
    number, unit = re.search(r"([\d.,]+) ?(\w*)", text).groups()
    return float(number.replace(",", "")) * UNITS.get(unit, 1)


def enter(t, page, url):
    page.open(url)
    t.wait_for("figures", lambda: " of " in page.find("#budget-bytes").text)


def held(page, scene):
    return page.find(f"#card-{scene} .held").text


def press(page, scene, button):
    page.find(f"#card-{scene} button.{button}").click()


def chart(page, name):
    """What the profiler's page in the frame says; back outside afterwards."""
    page.driver.switch_to.frame(page.find("#charts iframe"))
    try:
        text = page.find(f".chart.{name} .now").text
        return figure(text) if re.match(r"\d", text) else None
    finally:
        page.driver.switch_to.default_content()


def set_field(page, scope, name, value):
    field = page.find(f"{scope} input[name={name}]")
    field.send_keys(Keys.CONTROL + "a")
    field.send_keys(str(value))


def test_cards(t):
    "every scene has a card; one leaks, holds more, and the charts beside it move; it is reset"
    server = t.serve("--rate", "1")
    page = t.browse(1600, 900)
    enter(t, page, server.url + "/")
    t.true("all scenes", len(t.wait_for("cards", lambda: page.all("article.card"))) > 30)
    for name in ("heap", "threads", "fds"):
        t.wait_for(f"the chart of {name}", lambda: chart(page, name) is not None)
    before = {name: chart(page, name) for name in ("heap", "threads", "fds")}
    t.equal("at first", held(page, "slice"), "holds nothing")
    t.true("nothing to reset", not page.find("#card-slice button.reset").is_displayed())

    for _ in range(3):
        press(page, "slice", "leak")
    t.wait_for("three", lambda: held(page, "slice") != "holds nothing" and figure(held(page, "slice")) >= 3 * 2**16)
    press(page, "thread", "leak")
    t.wait_for("a thread", lambda: "1 thread" in held(page, "thread"))
    # Figures are rounded to 10 KiB, and connections of the page that close give back some.
    t.wait_for("the heap's chart moves", lambda: chart(page, "heap") >= before["heap"] + 2.5 * 2**16)
    t.wait_for("the threads' chart moves", lambda: chart(page, "threads") >= before["threads"] + 1)
    t.wait_for("the budget", lambda: page.find("#budget-threads .figure").text.startswith("1 of "))

    press(page, "cache", "fixed")
    t.wait_for("its word", lambda: page.find("#card-cache .said").text == "Done, fixed.")
    t.equal("nothing stays", held(page, "cache"), "holds nothing")
    press(page, "slice", "reset")
    t.wait_for("given back", lambda: held(page, "slice") == "holds nothing")
    t.true("only that", "1 thread" in held(page, "thread"))
    page.js("document.getElementById('left').scrollTop = 0")
    page.screenshot("playground-cards")
    page.find("#reset").click()
    t.wait_for("all given back", lambda: held(page, "thread") == "holds nothing")
    t.wait_for("the budget", lambda: page.find("#budget-threads .figure").text.startswith("0 of "))
    t.true("said so", "given back" in page.find("#said").text)


def test_load(t):
    "a load of so many requests a second ends by itself, or when it is stopped, or at the first refusal"
    server = t.serve()
    page = t.browse(1600, 900)
    enter(t, page, server.url + "/#scene=slice&n=2&rate=50&seconds=1")
    page.find(".chosen button.leak").click()
    t.wait_for("the end", lambda: re.match(r"Leak: \d+ requests? done", page.find(".chosen .said").text))
    done = int(re.search(r"\d+", page.find(".chosen .said").text)[0])
    t.true(f"no more than asked for: {done}", 1 <= done <= 50)
    t.equal("what the server counted", server.get(server.url + "/stats").count('"leak_hits":%d,' % (2 * done)), 1)

    set_field(page, ".chosen", "seconds", 300)
    t.wait_for("the address follows", lambda: "seconds=300" in page.driver.current_url)
    page.find(".chosen button.fixed").click()
    t.wait_for("under way", lambda: page.find(".chosen button.ending").is_displayed())
    t.true("one at a time", not page.find(".chosen button.leak").is_enabled())
    page.find(".chosen button.ending").click()
    t.wait_for("stopped", lambda: re.match(r"Fixed: \d+ requests? done of 15,000", page.find(".chosen .said").text)
               and page.find(".chosen button.leak").is_enabled())


def test_budget(t):
    "a budget that is used up is told in the server's words, with the way back"
    server = t.serve("--budget-mem", "1M", "--budget-threads", "2")
    page = t.browse(1280, 720)
    enter(t, page, server.url + "/#scene=thread&n=2")
    leak = t.wait_for("controls", lambda: page.find(".chosen button.leak"))
    leak.click()
    t.wait_for("two", lambda: "2 threads" in page.find(".chosen .held").text)
    leak.click()
    text = t.wait_for("refused", lambda: page.find(".chosen .said.bad").text)
    t.true(text, "the budget is full and nothing was done" in text and "POST /reset/thread" in text)
    t.wait_for("marked", lambda: "full" in page.find("#budget-threads").get_attribute("class"))
    page.screenshot("playground-budget")
    t.equal("console", [line for line in page.console() if "507" not in line], [])
    page.find(".chosen button.reset").click()
    t.wait_for("given back", lambda: page.find(".chosen .held").text == "holds nothing")
    set_field(page, ".chosen", "n", 100000)
    leak.click()
    t.equal("not asked at all", page.js("return document.activeElement.name"), "n")


def test_lab(t):
    "the lab stands beside the charts: its commands name this server and are copied, hints open one at a time"
    server = t.serve()
    page = t.browse(1600, 900)
    enter(t, page, server.url + "/")
    t.wait_for("cards", lambda: page.all("article.card"))
    page.js("document.querySelector('#charts iframe').dataset.same = 'yes'")
    page.find("#card-slice h3 a").click()
    t.wait_for("the lab", lambda: page.all("article.lab .commands li"))
    t.true("shared by its address", page.driver.current_url.endswith("/#scene=slice"))
    t.equal("where the focus is", page.js("return document.activeElement.textContent"), "A small slice keeps a large buffer")
    t.equal("the charts stay", page.find("#charts iframe").get_attribute("data-same"), "yes")
    t.equal("title", page.driver.title, "A small slice keeps a large buffer · Leakyard")

    commands = [row.text for row in page.all(".lab .commands code")]
    t.true("this server", any(server.url in command for command in commands))
    t.true("this profiler", any(server.pprof.removeprefix("http://") in command for command in commands))
    t.true("no other", not any("8080" in c.replace(server.url, "") or ":6060" in c.replace(server.pprof[7:], "") for c in commands))
    page.cdp("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.find(".lab .commands button").click()
    t.wait_for("copied", lambda: page.find(".lab .commands button").text == "Copied")
    t.equal("the clipboard", page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])"), commands[0])

    hints = page.all(".lab details[name=hints]")
    t.equal("hints", len(hints), 3)
    for hint in hints:
        hint.find_element("css selector", "summary").click()
        t.wait_for("one open", lambda: [h.get_attribute("open") is not None for h in hints] == [h == hint for h in hints])
    answer = page.find(".lab details.part")
    t.true("the answer is folded", answer.get_attribute("open") is None and "The answer" in answer.text)
    page.screenshot("playground-lab")
    answer.find_element("css selector", "summary").click()
    t.wait_for("the answer", lambda: "slice_fixed" in answer.text)
    page.find(".steps a[rel=next]").click()
    t.wait_for("the next one", lambda: page.driver.title == "A cache whose keys never repeat · Leakyard")
    page.driver.back()
    t.wait_for("back", lambda: page.driver.title == "A small slice keeps a large buffer · Leakyard")


def test_shared(t):
    "a shared link shows the same: a scene with its amplifier, the scenes of a resource; a wrong one says so"
    server = t.serve()
    page = t.browse(1280, 720)
    enter(t, page, server.url + "/#scene=cache&n=7&size=2000")
    t.wait_for("the lab", lambda: page.all("article.lab"))
    page.find(".chosen button.leak").click()
    t.wait_for("seven times", lambda: page.find(".chosen .said").text == "Leaked 7 times.")
    set_field(page, ".chosen", "n", 9)
    other = t.browse(1280, 720)
    enter(t, other, t.wait_for("an address", lambda: "n=9" in page.driver.current_url and page.driver.current_url))
    t.wait_for("the same", lambda: [other.find(f".chosen input[name={name}]").get_attribute("value") for name in ("n", "size")] == ["9", "2000"])
    t.wait_for("what it holds", lambda: other.find(".chosen .held").text.startswith("holds ") and "nothing" not in other.find(".chosen .held").text)
    other.open(server.url + "/#resource=fds")
    t.wait_for("descriptors only", lambda: len(other.all("section.group")) == 1 and other.find("section.group h2").text.startswith("Descriptors"))
    t.equal("marked", other.find(".chips a[aria-current]").text.split()[0], "Descriptors")
    other.open(server.url + "/#scene=nosuch")
    t.wait_for("its word", lambda: other.find("#head h1").text == "There is no such scene")


def test_keys(t):
    "everything is reached by keys alone, dark and light, narrow and wide, without scrolling sideways"
    server = t.serve()
    page = t.browse(1600, 900)
    enter(t, page, server.url + "/#scene=unjoined")
    t.wait_for("the lab", lambda: page.all("article.lab"))
    page.js("document.querySelector('#head h1').focus()")
    page.press(Keys.TAB)
    t.equal("the first button", page.js("return document.activeElement.getAttribute('aria-label')").split(":")[0], "Leak")
    page.press(Keys.ENTER)
    t.wait_for("done", lambda: "1 unjoined thread" in page.find(".chosen .held").text)
    for dark in (False, True):
        page.scheme(dark)
        for width, height in ((420, 900), (1024, 768), (1280, 720), (1920, 1080)):
            page.size(width, height)
            t.wait_for("the size", lambda: page.js("return innerWidth") == width)
            t.equal(f"fits {width}", page.js("return document.documentElement.scrollWidth <= innerWidth"), True)
            page.screenshot(f"playground-{width}{'-dark' if dark else ''}")


def test_elsewhere(t):
    "where the charts cannot be framed the page says what to do instead"
    server = t.serve()
    port = server.url.rsplit(":", 1)[1]
    page = t.browse()
    enter(t, page, f"http://localhost:{port}/")
    t.wait_for("charts by the same name", lambda: page.find("#charts iframe").get_attribute("src").startswith("http://localhost:")
               and chart(page, "threads"))

    token = t.work / "token"
    token.write_text("a-secret-of-some-length\n")
    token.chmod(0o600)
    closed = t.serve("--token-file", str(token))
    page = t.browse()
    enter(t, page, closed.url.replace("http://", "http://me:a-secret-of-some-length@") + "/#scene=slice")
    t.wait_for("the lab", lambda: page.all("article.lab"))
    t.wait_for("a word on it", lambda: "token" in page.find("#charts .instead").text)
    t.equal("where", page.find("#charts .instead a").get_attribute("href"), closed.pprof + "/?view=live")
    page.find(".chosen button.leak").click()
    t.wait_for("held", lambda: "KiB" in page.find(".chosen .held").text)

    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        t.skip("this machine has no [::1]")
    six = t.serve("--listen", "[::1]:0")
    page = t.browse()
    enter(t, page, re.search(r"http://\[::1\]:\d+", six.out.read_text())[0] + "/#scene=slice")
    there = t.wait_for("another address", lambda: page.find("#charts a.elsewhere").get_attribute("href"))
    page.screenshot("playground-elsewhere")
    t.true(there, re.fullmatch(r"http://localhost:\d+/#scene=slice", there))
    t.equal("no empty frame", page.all("iframe"), [])


run(globals())
