# A flame graph in a browser: from the profiler, from a file, in a frame, and where scripts do not run.
import re
import threading

from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from lib import run

HEAP = "/debug/pprof/heap?format=svg"
DIFF = "/debug/diff?from=1&to=2&format=svg"

# The frames that are shown: their names, and where they are.
SHOWN = """
return Array.from(document.querySelectorAll(".f")).filter(g => g.getBoundingClientRect().width > 0).map(g => {
  const box = g.querySelector("rect").getBoundingClientRect();
  return {name: g.getAttribute("aria-label").split(", ")[0], x: box.x, y: box.y, width: box.width};
});
"""
NAMED = """
return Array.from(document.querySelectorAll(".f")).find(g => g.getAttribute("aria-label").split(", ")[0] === arguments[0]);
"""
FOCUSED = "return (document.activeElement.getAttribute('aria-label') || '').split(', ')[0]"
TIP = "const tip = document.querySelector('.tip'); return tip.getAttribute('visibility') === 'visible' ? tip.textContent : ''"


def load(t, server, where):
    """Until the test ends."""
    done = threading.Event()

    def again():
        while not done.is_set():
            server.get(server.url + where)

    thread = threading.Thread(target=again)
    thread.start()
    t.at_end(thread.join)
    t.at_end(done.set)


def leaking(t):
    """A server where two scenes hold memory, every block of it recorded."""
    server = t.serve("--rate", "1")
    server.get(server.url + "/leak/cache?n=200")
    server.get(server.url + "/leak/slice?n=4")
    return server


def changing(t):
    """Between its snapshots 1 and 2 cache_leak grew and slice_leak shrank."""
    server = leaking(t)
    server.post(server.pprof + "/debug/snapshots")
    server.get(server.url + "/leak/cache?n=400")
    server.post(server.url + "/reset/slice")
    server.post(server.pprof + "/debug/snapshots")
    return server


def names(page):
    return [frame["name"] for frame in page.js(SHOWN)]


def found(page):
    return page.find("output").text


def search(page, text):
    page.find("input").click()
    ActionChains(page.driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).send_keys(text).perform()


def saved(t, server, where):
    """Its file:// address."""
    path = t.work / "saved.svg"
    path.write_text(server.get(server.pprof + where))
    return path.as_uri()


def zooms(t, page, name):
    """A click zooms, the path leads back, Escape too."""
    before = names(page)
    page.js(NAMED, name).click()
    t.wait_for("the zoom", lambda: len(names(page)) < len(before))
    shown = {frame["name"]: frame for frame in page.js(SHOWN)}
    t.true("it is as wide as the picture", abs(shown[name]["width"] - 1240) < 1)
    t.true("one caller above it at least", len(page.all(".above")) in (1, 2, 3))
    t.equal("the path's end", page.find("[aria-current]").text, name)
    page.press(Keys.ESCAPE)
    t.wait_for("Escape goes back", lambda: names(page) == before)
    page.js(NAMED, name).click()
    t.wait_for("the zoom", lambda: names(page) != before)
    page.all("[role=navigation] button")[0].click()
    t.wait_for("the path leads back", lambda: names(page) == before)
    t.true("no way to show all of all", not page.find("[role=search] button").is_displayed())


def test_under_load(t):
    "the heap's flame graph zooms, searches and tells, from a program under load and saved in a file"
    server = leaking(t)
    load(t, server, "/fixed/cache?n=10")
    page = t.browse()
    for where in (server.pprof + HEAP, saved(t, server, HEAP)):
        page.open(where)
        t.true("both are there", {"all", "cache_leak", "slice_leak"} <= set(names(page)))
        page.screenshot("flamegraph-light")
        zooms(t, page, "cache_leak")
        search(page, "^cache_leak$")
        t.wait_for("what was found", lambda: re.fullmatch(r"1 frame, [\d.]+ [KM]iB, [\d.]+ % of all", found(page)))
        t.equal("hits", len(page.all(".hit")), 1)
        ActionChains(page.driver).move_to_element(page.js(NAMED, "cache_leak")).perform()
        told = t.wait_for("the tooltip", lambda: page.js(TIP))
        t.true(told, re.fullmatch(r"cache_leak[\d.]+ [KM]iB[\d.]+ % of all/\S+/leaks/cache\.c:\d+leakyard", told))
        page.js(NAMED, "cache_leak").click()
        ActionChains(page.driver).move_to_element(page.js(NAMED, "cache_leak")).perform()
        told = t.wait_for("the share of what is zoomed", lambda: "zoomed" in page.js(TIP) and page.js(TIP))
        t.true(told, ", 100 % of what is zoomed" in told)


def test_dark(t):
    "a dark browser gets a dark picture whose names can be read"
    server = leaking(t)
    page = t.browse(dark=True)
    page.open(server.pprof + HEAP + "&granularity=line&color=library")
    brightness = "const c = getComputedStyle(document.querySelector(arguments[0])).fill.match(/\\d+/g); return +c[0] + +c[1] + +c[2]"
    t.true("dark paper", page.js(brightness, ".paper") < 120)
    t.true("bright title", page.js(brightness, ".title") > 600)
    t.true("bright frames", page.js(brightness, ".l0") > 300)
    t.true("dark names", page.js(brightness, ".f text") < 120)
    t.true("by line", any(re.fullmatch(r"cache_leak \(cache\.c:\d+\)", name) for name in names(page)))
    t.true("the legend", "leakyard" in page.find(".key").text)
    page.screenshot("flamegraph-dark")


def test_search(t):
    "a match below a match counts once, what is no regular expression is said, and errors go with sums"
    server = leaking(t)
    server.get(server.pprof + HEAP)
    page = t.browse()
    page.open(server.pprof + HEAP)
    total = page.find(".sum").text
    search(page, ".")
    t.wait_for("all of it", lambda: found(page).endswith(f" frames, {total}, 100 % of all"))
    search(page, "CACHE\\.C|slice_[l]eak")
    t.wait_for("both, in capitals, by file", lambda: "of all" in found(page) and len(page.all(".hit")) >= 2)
    t.true("they are told apart from the rest", page.js("return document.documentElement.classList.contains('searching')"))
    search(page, "(")
    t.wait_for("a complaint", lambda: found(page) == "not a regular expression")
    t.equal("marked", page.find("input").get_attribute("aria-invalid"), "true")
    search(page, "no such thing")
    t.wait_for("nothing", lambda: found(page) == "0 frames, 0 B, 0 % of all")
    page.press(Keys.ESCAPE)
    t.wait_for("Escape ends the search", lambda: found(page) == "" and page.find("input").get_attribute("value") == "")


def test_keys(t):
    "everything is done by keys: down to a leaf, to a neighbour, zoom, back, search"
    server = leaking(t)
    page = t.browse()
    page.open(server.pprof + HEAP)
    page.press(Keys.TAB)
    t.true("Tab reaches the search", page.js(FOCUSED).startswith("Search"))
    page.press(Keys.TAB)
    t.equal("then the frames", page.js(FOCUSED), "all")
    t.true("what has the focus is told", page.js(TIP).startswith("all"))
    page.press(*[Keys.ARROW_DOWN] * 30)
    fits = "return document.querySelector('.tip').getBoundingClientRect().bottom <= document.documentElement.getBoundingClientRect().bottom"
    t.true("at the bottom, too", page.js(TIP) and page.js(fits))
    page.press(*[Keys.ARROW_UP] * 30)
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    first = page.js(FOCUSED)
    t.equal("down and up", first, names(page)[1])
    page.press(Keys.ARROW_RIGHT)
    t.true("a neighbour", page.js(FOCUSED) != first)
    page.press(Keys.ARROW_LEFT)
    t.equal("and back", page.js(FOCUSED), first)
    page.press(Keys.ENTER)
    t.wait_for("zoomed", lambda: page.find("[aria-current]").text == first)
    page.press(Keys.ARROW_UP)
    t.equal("up into the callers", page.js(FOCUSED), "all")
    page.press(Keys.ESCAPE)
    t.wait_for("back", lambda: not page.all("[aria-current]"))
    page.press("/")
    page.press("cache_leak")
    t.wait_for("found", lambda: found(page).startswith("1 frame"))
    t.equal("roles", page.js("return [...new Set(Array.from(document.querySelectorAll('.f'), g => g.getAttribute('role')))]"), ["treeitem"])
    t.equal("one stop for Tab", len(page.all(".f[tabindex='0']")), 1)


def test_shared(t):
    "what is zoomed and searched is in the address, and a fresh browser follows it, as does the browser's way back"
    server = leaking(t)
    page = t.browse()
    page.open(server.pprof + HEAP)
    page.js(NAMED, "visit_run").click()
    search(page, "slice|a b&c;d")
    t.wait_for("the address", lambda: "search=slice%7Ca%20b%26c%3Bd" in page.driver.current_url)
    shared = page.driver.current_url
    t.true(shared, re.search(r"#x=[^&]+;visit_run&search=", shared))
    shown = names(page)

    other = t.browse()
    other.open(shared)
    t.equal("zoomed", other.find("[aria-current]").text, "visit_run")
    t.true("searched", "of what is zoomed" in found(other))
    t.true("the same frames", {name for name in shown if name[0] != "["} <= set(names(other)))
    other.open(server.pprof + HEAP + "#x=no;such;path&search=%")
    t.equal("as far as it leads", names(other)[0], "all")
    page.driver.back()
    t.wait_for("the browser's way back", lambda: not page.all("[aria-current]"))


def test_difference(t):
    "a difference tells growth from shrinkage by colour, sign and hatching, from the profiler and from a file"
    server = changing(t)
    page = t.browse()
    for where in (server.pprof + DIFF, saved(t, server, DIFF)):
        page.open(where)
        grew, shrank = page.js(NAMED, "cache_leak"), page.js(NAMED, "slice_leak")
        fill = "return getComputedStyle(arguments[0].querySelector('rect')).fill"
        red, green, blue = map(int, re.findall(r"\d+", page.js(fill, grew))[:3])
        t.true("growth is orange", red > green > blue)
        hatching = re.search(r"#(h-b\d)", page.js(fill, shrank))[1]
        red, green, blue = map(int, re.findall(r"\d+", page.js("return getComputedStyle(document.getElementById(arguments[0]).firstChild).fill", hatching))[:3])
        t.true("shrinkage is blue", red < green < blue)
        t.true("signs", re.search(r"cache_leak  \+[\d.]+ KiB", grew.text) and re.search(r"slice_leak  -[\d.]+ KiB", shrank.text))
        page.screenshot("flamegraph-diff")
        search(page, "cache_leak|slice_leak")
        t.wait_for("the sum of both", lambda: re.match(r"\d+ frames, [-+]", found(page)))
        zooms(t, page, "visit_run")


def test_without_scripts(t):
    "where scripts do not run the picture is complete: names, figures, places and what was left out"
    server = leaking(t)
    page = t.browse(width=1200)
    page.cdp("Emulation.setScriptExecutionDisabled", value=True)
    page.open(saved(t, server, HEAP))
    page.screenshot("flamegraph-static", whole=True)
    page.cdp("Emulation.setScriptExecutionDisabled", value=False)
    titles = page.js("return Array.from(document.querySelectorAll('.f title'), e => e.textContent)")
    t.true("a tooltip", any(re.fullmatch(r"cache_leak\n[\d.]+ [KM]iB, [\d.]+ %\n/\S+/leaks/cache\.c:\d+\nleakyard", text) for text in titles))
    labels = page.js("return Array.from(document.querySelectorAll('.f text'), e => e.textContent)")
    t.true("a label", any(re.match(r"visit_run  [\d.]+ [KM]iB", text) for text in labels))
    t.true("the foot", re.match(r"Frames narrower than 0\.1 % are left out: [\d,]+ frames, ", page.find("#foot").text))
    t.true("the hint", "Callers are above" in page.find("#hint").text)


def test_in_a_frame(t):
    "in a frame of the profiler's own pages it is as live as alone"
    server = leaking(t)
    page = t.browse()
    page.open(server.pprof + "/")
    page.js("const f = document.createElement('iframe'); f.src = arguments[0]; f.width = 1000; f.height = 600; document.body.prepend(f)", server.pprof + HEAP)
    page.driver.switch_to.frame(page.find("iframe"))
    t.wait_for("the frames", lambda: page.js(NAMED, "cache_leak"))
    page.js(NAMED, "cache_leak").click()
    t.wait_for("the zoom", lambda: page.find("[aria-current]").text == "cache_leak")
    t.equal("console", page.collect(), [])


run(globals())
