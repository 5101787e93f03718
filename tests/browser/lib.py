# What every test in a real browser includes (Debian's chromium, chromium-driver and python3-selenium).
# A test file defines functions named test_*, each beginning with its claim as its docstring and taking
# one Test, and ends with run(globals()). What a test starts is ended with it, whatever happens.
#
#   server = t.serve("--rate", "1")     starts the playground; .url and .pprof, no slash at the end
#   server.get(where), .post(where)     what a URL below .url or .pprof answers, as text; a whole URL
#   page = t.browse(dark=False)         a fresh browser without a past; .open(url), .find(css), .all(css),
#                                       .js(code), .press(keys), .cdp(command), .screenshot(name)
#   t.wait_for("what", condition)       until the condition gives something true, which it returns. The
#                                       limit is generous, for a busy machine: never sleep instead
#   t.skip("why"), t.work               a directory of the test's own
#
# Whatever a page writes to the console fails the test at its end, and so does a violation of a
# Content-Security-Policy, which is written there. page.console() is what was written so far; once a
# test has asked for it the lines are the test's own to judge.
import base64
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

LIMIT = 60  # seconds to wait for anything that takes a fraction of one on an idle machine
ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LEAKYARD_BUILD", ROOT / "build"))
SHOTS = ROOT / "build" / "screenshots"

for name in list(os.environ):  # all that is asked for is on this machine
    if name.lower().endswith("_proxy"):
        del os.environ[name]


class Failure(Exception):
    pass


class Skip(Exception):
    pass


def start(command, **options):
    """A process that leads a session of its own, by which end() finds all that it starts."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)


def members(session):
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.getsid(int(entry)) == session:
                found.append(int(entry))
        except ProcessLookupError:
            pass
    return found


def end(process):
    """Ends it and all of its session; gives its exit status. It has time to end by itself first."""
    process.terminate()
    try:
        status = process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        status = None
    finally:
        for pid in members(process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    return process.wait() if status is None else status


class Server:
    def __init__(self, test, options):
        self.out = test.work / "server.out"
        self.err = test.work / "server.err"
        command = [BUILD / "leakyard", "--listen", "127.0.0.1:0", "--pprof", "127.0.0.1:0", *options]
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = start(command, stdout=out, stderr=err)
        test.at_end(self.stop)
        test.wait_for("the server's two lines", self.ready)
        self.url, self.pprof = re.findall(r"http://[^/ \n]*", self.out.read_text())[:2]

    def ready(self):
        if self.process.poll() is not None:
            raise Failure("the server ended: " + self.err.read_text())
        return self.out.read_text().count("\n") >= 2

    def stop(self):
        status = end(self.process)
        if status != 0:
            raise Failure(f"the server ended with status {status}: {self.err.read_text()[-2000:]}")

    def ask(self, method, where):
        request = urllib.request.Request(where, method=method, data=b"" if method == "POST" else None)
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return answer.read().decode()

    def get(self, where):
        return self.ask("GET", where)

    def post(self, where):
        return self.ask("POST", where)


class Page:
    """A browser with one window. .driver is selenium's, for what is not here."""

    FLAGS = [
        "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
        "--disable-breakpad", "--no-default-browser-check", "--force-device-scale-factor=1", "--hide-scrollbars",
    ]

    def __init__(self, test, width, height, dark):
        from selenium import webdriver
        from selenium.webdriver.chromium.remote_connection import ChromiumRemoteConnection

        self.test = test
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="leakyard-browser-"))
        test.at_end(lambda: shutil.rmtree(self.home, ignore_errors=True))
        self.log = self.home / "driver.log"
        self.process = None
        test.at_end(self.stop)
        port = self.start_driver()

        options = webdriver.ChromeOptions()
        for flag in self.FLAGS + [f"--user-data-dir={self.home}/profile", f"--window-size={width},{height}"]:
            options.add_argument(flag)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        connection = ChromiumRemoteConnection(f"http://127.0.0.1:{port}", "goog", "chrome")
        connection.set_timeout(2 * LIMIT)
        self.driver = webdriver.Remote(connection, options=options)
        self.driver.set_page_load_timeout(LIMIT)
        self.driver.set_script_timeout(LIMIT)
        self.size(width, height)
        self.scheme(dark)
        self.judged = False
        self.written = []

    def start_driver(self):
        """Its port. It picks one that is free for IPv4, and gives up where another has it for IPv6: once more, then."""
        environment = dict(os.environ, HOME=str(self.home), TMPDIR=str(self.home), LC_ALL="C.UTF-8")

        def port():
            return re.search(rb"successfully on port (\d+)", self.log.read_bytes())

        for _ in range(10):
            with open(self.log, "wb") as log:
                self.process = start(["chromedriver", "--port=0"], stdout=log, stderr=log, env=environment, cwd=self.home)
            self.test.wait_for("the driver", lambda: port() or self.process.poll() is not None)
            if port():
                return int(port()[1])
        raise Failure(f"no driver: {self.log.read_text()}")

    def stop(self):
        try:
            if getattr(self, "driver", None):
                self.driver.quit()
        finally:
            if self.process:
                end(self.process)

    def size(self, width, height):
        """Of what a page sees: the window's own frame does not count."""
        values = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.cdp("Emulation.setDeviceMetricsOverride", **values)

    def scheme(self, dark):
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.cdp("Emulation.setEmulatedMedia", features=[feature])

    def cdp(self, command, **parameters):
        return self.driver.execute("executeCdpCommand", {"cmd": command, "params": parameters})["value"]

    def open(self, url):
        self.driver.get(url)

    def find(self, css):
        return self.driver.find_element("css selector", css)

    def all(self, css):
        return self.driver.find_elements("css selector", css)

    def js(self, code, *arguments):
        return self.driver.execute_script(code, *arguments)

    def press(self, *keys):
        """Keys, to what has the focus; special ones are in selenium.webdriver.common.keys.Keys."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def screenshot(self, name, whole=False):
        """Into build/screenshots/NAME.png; whole: all of the page, not only what is in the window."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        shot = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        (SHOTS / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    def console(self):
        self.judged = True
        return self.collect()

    def collect(self):
        self.written += [f"{e['level']}: {e['message']}" for e in self.driver.get_log("browser")]
        return self.written

    def quiet(self):
        if not self.judged and self.collect():
            raise Failure("in the console: " + "\n".join(self.written))


class Test:
    def __init__(self, name):
        self.name = name
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="leakyard-test-"))
        self.ends = [lambda: shutil.rmtree(self.work, ignore_errors=True)]
        self.pages = []

    def at_end(self, what):
        self.ends.append(what)

    def serve(self, *options):
        return Server(self, options)

    def browse(self, width=1280, height=800, dark=False):
        try:  # by this name the driver finds its browser
            socket.getaddrinfo("localhost", None)
        except OSError:
            self.skip("this machine does not know localhost: it has no /etc/hosts, say")
        page = Page(self, width, height, dark)
        self.pages.append(page)
        return page

    def skip(self, why):
        raise Skip(why)

    def equal(self, what, got, wanted):
        if got != wanted:
            raise Failure(f"{what}: {got!r}, expected {wanted!r}")

    def true(self, what, value):
        if not value:
            raise Failure(f"not so: {what}")

    def wait_for(self, what, condition, seconds=LIMIT):
        """A condition that raises is not true yet: a text or an element that it reads may not be there, or was
        just replaced. If it never becomes true, the failure shows what it raised last. Failure and Skip pass."""
        until = time.monotonic() + seconds
        while True:
            why = ""
            try:
                value = condition()
                if value:
                    return value
            except (Failure, Skip):
                raise
            except Exception as error:
                why = f" ({type(error).__name__}: {getattr(error, 'msg', None) or error})"
            if time.monotonic() > until:
                raise Failure(f"waited in vain for: {what}{why}")
            time.sleep(0.05)

    def finish(self):
        """Ends what was started, last first; all of it, even if some of it fails."""
        troubles = []
        while self.ends:
            try:
                self.ends.pop()()
            except Exception:
                troubles.append(traceback.format_exc())
        if troubles:
            raise Failure("\n".join(troubles))

    def show(self):
        """The windows as they were when it failed."""
        for number, page in enumerate(self.pages, 1):
            try:
                page.screenshot(f"failed-{self.name}-{number}")
                print(f"# see build/screenshots/failed-{self.name}-{number}.png; console: {page.collect()}")
            except Exception:
                pass


def attempt(function):
    """None, or why it was skipped. Raises what it fails with."""
    test = Test(function.__name__)
    try:
        function(test)
        for page in test.pages:
            page.quiet()
    except Skip as skip:
        return str(skip)
    except BaseException:
        test.show()
        raise
    finally:
        test.finish()
    return None


def run(names):
    """Every test in TAP, one after the other, in the order of the file; exits."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended, too
    sanitizer = os.environ.get("SANITIZE", "")
    chosen = sys.argv[1:]
    tests = [f for name, f in names.items() if name.startswith("test_") and (not chosen or name in chosen)]
    failed = 0
    for number, function in enumerate(tests, 1):
        claim = " ".join((function.__doc__ or function.__name__).split())
        try:
            skipped = f"the browser is the same under {sanitizer}" if sanitizer else attempt(function)
            print(f"ok {number} - {claim}" + (f" # SKIP {skipped}" if skipped else ""), flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} - {claim} ({function.__name__})")
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), flush=True)
    print(f"1..{len(tests)}")
    sys.exit(1 if failed else 0)
