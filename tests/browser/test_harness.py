# The harness itself: that it sees what a browser sees, and what a browser complains of.
import http.server
import re
import threading

from lib import Failure, run

PAGE = b"""<!doctype html><title>here</title><link rel="icon" href="data:,"><p id="said">nothing</p>"""
PAGES = {
    "/quiet": PAGE,
    "/error": PAGE + b"<script>throw new Error('on purpose')</script>",
    "/policy": PAGE + b"<p style='color: red'>inline</p>",
    "/scheme": PAGE + b"<style>@media (prefers-color-scheme: dark) { p { color: rgb(1, 2, 3) } }</style>",
}


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        if self.path == "/policy":
            self.send_header("Content-Security-Policy", "default-src 'self'; img-src data:")
        self.end_headers()
        self.wfile.write(PAGES[self.path])

    def log_message(self, *_):
        pass


def site(t):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    t.at_end(server.server_close)
    t.at_end(server.shutdown)
    return f"http://127.0.0.1:{server.server_port}"


def test_index(t):
    "the profiler's index opens in a browser, and a profile follows from it"
    server = t.serve()
    page = t.browse()
    page.open(server.pprof + "/debug/pprof/")
    page.find("a[href^='heap']").click()
    t.wait_for("the heap profile", lambda: page.find("pre").text.startswith("heap profile:"))
    t.equal("console", page.console(), [])


def test_console(t):
    "an error and a violation of the policy are seen in the console, and nothing where there is none"
    where = site(t)
    for path, complaint in (("/quiet", None), ("/error", "on purpose"), ("/policy", "Content Security Policy")):
        page = t.browse()
        page.open(where + path)
        t.equal("title", page.driver.title, "here")
        if not complaint:
            page.quiet()
            continue
        t.wait_for(complaint, lambda: complaint in " ".join(page.collect()))
        try:
            page.quiet()
        except Failure:
            page.console()
        else:
            raise Failure(f"{path} was not complained of")


def test_scheme(t):
    "light and dark are told apart, windows have the size asked for, and a picture of one is taken"
    where = site(t)
    colour = "return getComputedStyle(document.querySelector('p')).color"
    page = t.browse(width=900, height=500)
    page.open(where + "/scheme")
    t.equal("light", page.js(colour), "rgb(0, 0, 0)")
    page.scheme(dark=True)
    t.wait_for("dark", lambda: page.js(colour) == "rgb(1, 2, 3)")
    t.equal("size", page.js("return [innerWidth, innerHeight]"), [900, 500])
    page.screenshot("harness")


def test_wait(t):
    "a condition that raises is not true yet, and what it raised last is in the failure"
    tries = iter((None, "no figure", "12 threads"))

    def figure():
        return int(re.match(r"(\d+) threads", next(tries))[1])

    t.equal("what it returns at last", t.wait_for("a figure", figure), 12)
    for condition, said in ((lambda: re.match("a", "b").group(), "AttributeError"), (lambda: False, "in vain for: it")):
        try:
            t.wait_for("it", condition, seconds=0)
        except Failure as failure:
            t.true(f"{said} in {failure}", said in str(failure))
        else:
            raise Failure("it did not fail")

    def ended():
        raise Failure("the server ended")

    try:
        t.wait_for("a server", ended)
    except Failure as failure:
        t.equal("passed on at once", str(failure), "the server ended")


run(globals())
