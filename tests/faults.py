#!/usr/bin/python3
"""Fails the n-th allocation or system call of the playground and of the profiler: n = 1, 2, 3, ...

usage: tests/faults.py [--quick] [--build DIR] [--seconds N] [PATTERN...]

For each case (a route, in each format, or a start) the first call fails, then the second, and so on, until
that call does not happen: once with this call alone, and once with all calls from this one on. The server must
neither crash nor hang, and an answer with status 200 must be right. Then the same request is repeated
without a fault. Prints a line for each case, and what was wrong. --quick takes the first few calls and a
sample of the others. A PATTERN selects the cases whose name contains it.
"""
import argparse
import ctypes
import errno
import gzip
import json
import mmap
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree

ANSWER_SECONDS = 20  # without an answer after this, it hangs
CALLS = {  # x86-64
    "mmap": (9, 25), "thread": (56, 435), "socket": (41,), "accept": (43, 288), "open": (2, 257),
    "read": (0, 17, 19, 45), "write": (1, 20, 44, 46), "epoll_ctl": (233,), "eventfd": (290, 283),
}
ERRORS = {
    "mmap": errno.ENOMEM, "thread": errno.EAGAIN, "socket": errno.EMFILE, "accept": errno.EMFILE, "open": errno.EMFILE,
    "read": errno.EIO, "write": errno.ENOBUFS, "epoll_ctl": errno.ENOMEM, "eventfd": errno.EMFILE,
}


class Control:
    """The file that is shared with tests/fixtures/no_memory.c or refuse.c."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.truncate(4096)
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)

    def arm(self, first, every, thread="", call=None):
        numbers = (list(CALLS[call]) if call else []) + [-1] * 4
        struct.pack_into("<iii16s5i", self.page, 8, int(every), 0, 0, thread.encode(), ERRORS.get(call, 0), *numbers[:4])
        struct.pack_into("<i", self.page, 4, first)
        struct.pack_into("<i", self.page, 0, 1)

    def disarm(self):
        """Returns how many calls failed."""
        struct.pack_into("<i", self.page, 0, 0)
        return struct.unpack_from("<i", self.page, 16)[0]


class Answer:
    def __init__(self, status, headers, body, state):
        self.status, self.headers, self.body, self.state = status, headers, body, state


def ask(port, method, path):
    """state: whole; closed: nothing came; cut: not all of it came; hangs."""
    data = b""
    state = "closed"
    until = time.monotonic() + ANSWER_SECONDS
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as s:
            s.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
            while True:
                s.settimeout(max(0.01, until - time.monotonic()))
                more = s.recv(1 << 20)
                if not more:
                    break
                data += more
                if b"text/event-stream" in data and b"\n\n" in data:
                    break
    except socket.timeout:
        return Answer(0, {}, data, "hangs")
    except OSError:
        pass
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return Answer(0, {}, data, "cut" if data else state)
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    status = int(lines[0].split()[1])
    if "content-length" in headers and len(body) != int(headers["content-length"]):
        return Answer(status, headers, body, "cut")
    return Answer(status, headers, body, "whole")


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def protobuf(data):
    """The fields of a message, as (number, value)."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
            if len(value) != length:
                raise ValueError("the message is cut")
        else:
            raise ValueError("an unknown wire type")
        yield key >> 3, value


def pprof_shape(body):
    counts = {}
    strings, functions, lines = [], [], 0
    for number, value in protobuf(gzip.decompress(body)):
        counts[number] = counts.get(number, 0) + 1
        if number == 6:
            strings.append(value)
        elif number == 5:
            functions.append(dict(protobuf(value)))
        elif number == 4:
            lines += sum(1 for n, _ in protobuf(value) if n == 4)
    if strings[:1] != [b""] or any(f.get(2, 0) == 0 or f[2] >= len(strings) for f in functions):
        raise ValueError("a function has no name")
    return [("types", counts.get(1, 0)), ("~samples", counts.get(2, 0)), ("~lines", lines), ("~functions", counts.get(5, 0))]


def json_shape(value):
    if isinstance(value, dict):
        return [(key, json_shape(value[key]) if isinstance(value[key], (dict, list)) else [("there", key not in ALWAYS or value[key] is None or value[key] > 0)])
                for key in sorted(value) if key not in OPTIONAL]
    if isinstance(value, list):
        return [("~items", len(value))]
    return []


# Only sometimes there, or another number each time.
ALWAYS = {"rss_bytes", "mapped_bytes", "threads", "fds", "sockets", "mappings", "heap_inuse_bytes", "heap_alloc_bytes", "rss_peak_bytes",
          "pid", "live_samples", "stacks", "table_bytes"}  # these are never 0
OPTIONAL = {"note", "heap_note", "missed_because", "rates", "limit", "survivors", "window", "trend", "label"}


def shape(kind, body):
    """What two right answers to the same request have in common. Raises if it is not one at all."""
    if kind == "json":
        return json_shape(json.loads(body))
    if kind == "svg":
        root = xml.etree.ElementTree.fromstring(body)
        if not body.endswith(b"</svg>\n"):
            raise ValueError("it does not end with </svg>")
        frames = [e for e in root.iter("{http://www.w3.org/2000/svg}g") if e.get("class") == "f"]
        return [("~frames", len(frames))]
    if kind == "pprof":
        return pprof_shape(body)
    if kind == "same":
        return [("content", body)]
    text = body.decode()
    if kind == "events":
        return [("events", re.findall("^event: (.*)$", text, re.M)[:1]), ("data", bool(re.search("^data: {.*}$", text, re.M)))]
    if text and not text.endswith("\n"):
        raise ValueError("the last line is not whole")
    lines = text.split("\n")
    first = re.sub(r"[0-9.]+ ?[KMGT]?i?B?", "0", lines[0])[:20] if kind == "text" else ""
    return [("first", first), ("~lines", len(lines)), ("~named", text.count("/"))]


def alike(a, b, what=""):
    """None, or what differs. Numbers of things may differ a little: figures change all the time."""
    a, b = dict(a), dict(b)
    if a.keys() != b.keys():
        return f"{what}: has {sorted(b.keys() ^ a.keys())} or not"
    for key, wanted in a.items():
        got = b[key]
        if isinstance(wanted, list):
            if wanted and isinstance(wanted[0], tuple):
                if not got or not isinstance(got[0], tuple):
                    return f"{what}.{key}: is empty"
                differs = alike(wanted, got, f"{what}.{key}")
                if differs:
                    return differs
        elif key.startswith("~"):
            if abs(got - wanted) > 4 + wanted // 3:
                return f"{what}{key}: {got}, not {wanted}"
        elif wanted != got:
            return f"{what}{key}: {str(got)[:60]!r}, not {str(wanted)[:60]!r}"
    return None


class Case:
    def __init__(self, part, method, path, kind, after=None, status=200):
        self.part, self.method, self.path, self.kind, self.after, self.status = part, method, path, kind, after, status
        self.name = f"{part} {method} {path}"


def pprof_cases(part, quick):
    kinds = ["heap", "threads", "fds", "maps", "procs", "mutex"]
    if not quick:
        kinds += ["allocs", "goroutine", "threadcreate", "block"]
    formats = [("format=pprof", "pprof"), ("format=svg", "svg"), ("format=json", "json"), ("format=text", "text"),
               ("format=folded", "lines"), ("debug=1", "lines"), ("debug=2", "lines")]
    for kind in kinds:
        for i, (format_, check) in enumerate(formats):
            if not quick or kind == "heap" or i == 1:
                yield Case(part, "GET", f"/debug/pprof/{kind}?{format_}", check)
    for path, check in (("/", "same"), ("/ui/app.js", "same"), ("/debug/pprof/", "lines"), ("/debug/pprof/cmdline", "same"),
                        ("/debug/pprof/symbol?0x400000", "lines"), ("/debug/snapshots", "json"), ("/debug/snapshots/1", "json"),
                        ("/debug/snapshots/1/heap?format=svg", "svg"), ("/debug/diff?from=1&to=2&format=json", "json"),
                        ("/debug/diff?from=1&to=now&format=text", "text"), ("/debug/diff?from=1&to=2&format=svg&profile=allocs", "svg"),
                        ("/debug/diff?from=1&to=2", "pprof"), ("/debug/suspects?from=1&to=2", "json"),
                        ("/debug/suspects?from=1&to=now&format=text", "text"), ("/debug/rate", "json"),
                        ("/debug/processes", "json"), ("/debug/processes?format=text", "lines"), ("/debug/live", "events")):
        yield Case(part, "GET", path, check)
    yield Case(part, "POST", "/debug/snapshots?name=one", "json", "DELETE", 201)
    yield Case(part, "PUT", "/debug/snapshots?every=1h", "json")
    yield Case(part, "PUT", "/debug/rate?bytes=4096", "json")
    yield Case(part, "GET", "/debug/pprof/heap?seconds=1&format=json", "json")
    yield Case(part, "GET", "/debug/pprof/profile?seconds=1&format=text", "text")


LIMITS = [("NOFILE", resource.RLIMIT_NOFILE, n) for n in (5, 6, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64)] + \
    [("AS", resource.RLIMIT_AS, n << 20) for n in (96, 128, 160, 192, 256, 512)] + \
    [("NPROC", resource.RLIMIT_NPROC, n) for n in (1, 2)]  # only for a user other than root


def limited_cases(part):
    first = "preloaded" if part == "preloaded" else "profiler"
    for format_, check in (("format=pprof", "pprof"), ("format=svg", "svg"), ("format=json", "json"), ("debug=2", "lines")):
        yield Case(first, "GET", f"/debug/pprof/threads?{format_}", check)
        yield Case(first, "GET", f"/debug/pprof/heap?{format_}", check)
    yield Case(first, "POST", "/debug/snapshots", "json", None, 201)
    for path in ("/stats", "/leak/thread?n=20", "/fixed/thread?n=20", "/leak/client?n=20", "/leak/slice?n=20"):
        yield Case("playground", "GET", path, "json")


def cold_cases(part):
    yield Case(part, "GET", "/debug/pprof/heap?format=folded", "lines")
    yield Case(part, "GET", "/debug/pprof/threads?debug=2", "lines")


def playground_cases():
    for path, check in (("/healthz", "same"), ("/stats", "json"), ("/scenes", "json"), ("/", "same"), ("/ui/app.js", "same"),
                        ("/scenes/slice/lab", "same"), ("/scenes/slice/lab?format=html", "same")):
        yield Case("playground", "GET", path, check)
    for scene in ("slice", "thread", "query", "timer", "bufferevent"):
        yield Case("playground", "POST", f"/fixed/{scene}", "json")
        yield Case("playground", "POST", f"/leak/{scene}", "json", "/reset")
    yield Case("playground", "POST", "/reset", "json")
    yield Case("playground", "GET", "/no/such/route", "json", None, 404)


class Run:
    def __init__(self, options):
        self.options = options
        self.work = tempfile.mkdtemp()
        self.wrong, self.faults, self.answers = 0, 0, {}
        self.process = None

    def complain(self, name, n, every, what):
        self.wrong += 1
        print(f"wrong: {name}, call {n}{' and all after it' if every else ''}: {what}", flush=True)

    # Starting and stopping

    def command(self, part, call):
        build, environment = os.path.abspath(self.options.build), dict(os.environ)
        fixtures = build + "/fixtures"
        control = Control(self.work + "/control")
        if part == "preloaded":
            command = ["/usr/bin/python3", "-c", "import time\nprint('alive', flush=True)\ntime.sleep(600)"]
            libraries = [build + "/libleakprof.so"]
            environment.update(LEAKPROF_LISTEN="127.0.0.1:0", LEAKPROF_RATE="4096")
        else:
            command = [build + "/leakyard", "--listen", "127.0.0.1:0", "--pprof", "127.0.0.1:0", "--threads", "2", "--rate", "4096"]
            libraries = []
        if call == "malloc":
            environment["FAULTS"] = control.path
            libraries.append(fixtures + "/no_memory.so")
        elif call:
            environment["REFUSALS"] = control.path
            command = [fixtures + "/refuse"] + (["/usr/bin/env", "LD_PRELOAD=" + ":".join(libraries)] if libraries else []) + command
            libraries = []
        if libraries:
            environment["LD_PRELOAD"] = ":".join(libraries)
        return command, environment, control

    def start(self, part, call, arm=None, limits=None):
        command, environment, self.control = self.command(part, call)
        if arm:
            self.control.arm(*arm)
        limit = (lambda: [resource.setrlimit(which, (value, value)) for which, value in limits]) if limits else None
        self.out, self.err = self.work + "/out", self.work + "/err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(command, env=environment, stdout=out, stderr=err, stdin=subprocess.DEVNULL, preexec_fn=limit)
        self.ports = {}

    def read(self, path):
        with open(path, "rb") as file:
            return file.read().decode(errors="replace")

    def ready(self, part):
        """Waits until it serves or has ended; False if neither happens."""
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            ended = self.process.poll() is not None
            out, err = self.read(self.out), self.read(self.err)
            if part == "preloaded":
                found = re.findall(r"^leakprof: .*http://127\.0\.0\.1:(\d+)", err, re.M)
                if found and (ended or "alive" in out):
                    self.ports = {"preloaded": int(found[0])}
                    return True
                if "leakprof:" in err and "alive" in out:
                    return True
            else:
                found = re.findall(r"http://127\.0\.0\.1:(\d+)/", out)
                if len(found) == 2:
                    self.ports = {"playground": int(found[0]), "profiler": int(found[1])}
                    return True
            if ended:
                return True
            time.sleep(0.005)
        return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(ANSWER_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return "SIGTERM does not end it"
        return None

    def alive(self):
        return self.process.poll() is None

    # Requests

    def check(self, case, answer, wanted, call=None):
        """None, or what is wrong with it."""
        self.answers[answer.status or answer.state] = self.answers.get(answer.status or answer.state, 0) + 1
        if answer.state == "hangs":
            return f"no answer in {ANSWER_SECONDS} s"
        if answer.state != "whole":
            return None
        if answer.status == case.status:
            if wanted is None:
                return None
            try:
                return alike(wanted, shape(case.kind, answer.body))
            except Exception as error:  # pylint: disable=broad-except
                return f"status {answer.status}: {error}: {answer.body[-80:]!r}"
        if answer.status not in (503, 507) and not (answer.status == 500 and call == "read"):  # EIO is no shortage
            return f"status {answer.status}: {answer.body[:120]!r}"
        text = answer.body.decode(errors="replace")
        if "json" in answer.headers.get("content-type", ""):
            try:
                text = json.loads(text)["error"]
            except (ValueError, KeyError) as error:
                return f"status {answer.status}: {error}: {text[:120]!r}"
        return None if len(text) >= 10 else f"status {answer.status} without a reason: {text!r}"

    def clean(self, case, answer):
        if case.after == "DELETE" and answer.status == 201:
            try:
                ask(self.ports[case.part], "DELETE", f"/debug/snapshots/{json.loads(answer.body)['id']}")
            except ValueError:
                pass
        elif case.after:
            self.since_reset = getattr(self, "since_reset", 0) + 1
            if self.since_reset % 100 == 0:
                ask(self.ports[case.part], "POST", case.after)

    def restart(self, part, call):
        self.stop()
        self.start(part, call)
        if not self.ready(part) or not self.ports:
            sys.exit(f"it does not start: {self.read(self.err)}")
        for port in self.ports.values():
            ask(port, "POST", "/debug/snapshots?name=a")
            ask(port, "POST", "/leak/slice?n=20")
            ask(port, "POST", "/debug/snapshots?name=b")

    def one(self, case, call, n, every, wanted):
        """Returns whether the call happened."""
        self.control.arm(n, every, "leakprof" if case.part == "preloaded" else "", call if call != "malloc" else None)
        ends = None
        if every and call in ("accept", "epoll_ctl"):  # as long as that fails, nobody can be answered
            ends = threading.Timer(0.3, self.control.disarm)
            ends.start()
        answer = ask(self.ports[case.part], case.method, case.path)
        if ends:
            ends.cancel()
        failed = self.control.disarm()
        self.faults += failed > 0
        name = f"{case.name}, {call}"
        if not self.alive():
            self.complain(name, n, every, f"it ended with {self.process.returncode}: {self.read(self.err)[-300:]}")
            self.restart(case.part, call)
            return failed
        wrong = self.check(case, answer, wanted, call)
        if wrong:
            self.complain(name, n, every, wrong)
        self.clean(case, answer)
        until = time.monotonic() + 3
        while True:  # what was refused may pause for a moment
            again = ask(self.ports[case.part], case.method, case.path)
            wrong = f"{again.status or again.state}" if again.status != case.status else self.check(case, again, wanted)
            self.clean(case, again)
            if not wrong or time.monotonic() > until or not self.alive():
                break
            time.sleep(0.02)
        if wrong or not self.alive():
            self.complain(name, n, every, f"afterwards: {wrong} {again.body[:100]!r}")
            self.restart(case.part, call)
        return failed

    def next(self, n):
        if self.options.quick:
            return n + (1 if n < 8 else max(1, n // 2))
        return n + (1 if n < 400 else n // 40)

    def case(self, case, call):
        wanted = None
        for _ in range(3):  # the first answers may read files that later ones need not
            answer = ask(self.ports[case.part], case.method, case.path)
            self.clean(case, answer)
        if answer.status != case.status:
            self.complain(case.name, 0, False, f"without a fault: {answer.status} {answer.body[:200]!r}")
            return
        wanted = shape(case.kind, answer.body)
        slow = "seconds=" in case.path
        for every in (False, True):
            n, began = 1, time.monotonic()
            while self.one(case, call, n, every, wanted):
                if time.monotonic() - began > (self.options.seconds if not slow else 20 if not self.options.quick else 3):
                    break
                n = self.next(n)
        print(f"{case.name}, {call}: {n} calls", flush=True)

    def cold(self, case, call):
        """The first request of a server, which reads files that later ones need not."""
        self.restart(case.part, call)
        time.sleep(0.3)  # the program is as it will be
        ask(self.ports[case.part], case.method, case.path)
        wanted = shape(case.kind, ask(self.ports[case.part], case.method, case.path).body)
        for every in (False, True):
            n, began = 1, time.monotonic()
            while True:
                self.restart(case.part, call)
                time.sleep(0.1)
                if not self.one(case, call, n, every, wanted) or time.monotonic() - began > self.options.seconds:
                    break
                n = self.next(n)
        print(f"first {case.name}, {call}: {n} calls", flush=True)

    # Starts

    def starts(self, part, call):
        thread = "leakprof" if part == "preloaded" else ""
        for every in (False, True):
            n, began = 2 if call == "mmap" else 1, time.monotonic()  # without the first, the loader crashes, also for /bin/true
            while True:
                self.start(part, call, (n, every, thread, call if call != "malloc" else None))
                ready = self.ready(part)
                failed = self.control.disarm()
                self.faults += failed > 0
                self.started(part, call, n, every, ready)
                if not failed or time.monotonic() - began > self.options.seconds * 4:
                    break
                n = self.next(n)
            print(f"start of {part}, {call}: {n} calls", flush=True)

    def started(self, part, call, n, every, ready):
        name, status = f"start of {part}, {call}", self.process.poll()
        if not ready:
            self.complain(name, n, every, f"neither ready nor ended: {self.read(self.err)[-200:]}")
        elif status is not None and (status < 0 or part == "preloaded"):
            self.complain(name, n, every, f"it ended with {status}: {self.read(self.err)[-200:]}")
        elif status is not None and (status == 0 or not self.read(self.err)):
            self.complain(name, n, every, f"it ended with {status}, without a reason")
        for which, port in self.ports.items():
            path = "/healthz" if which == "playground" else "/debug/pprof/heap?format=json"
            until = time.monotonic() + 3
            while (answer := ask(port, "GET", path)).status != 200 and time.monotonic() < until and answer.state != "hangs":
                time.sleep(0.02)
            if answer.status != 200 and not (call.startswith("limit") and answer.status == 503):
                self.complain(name, n, every, f"{which} is not served: {answer.status or answer.state} {answer.body[:100]!r}")
        wrong = self.stop()
        if wrong:
            self.complain(name, n, every, wrong)

    # Limits

    def limited(self, part, name, which, value):
        """Starts with a small limit, and sends each request, many times more than it allows at once."""
        self.start(part, None, limits=[(which, value)])
        ready, open_, before = self.ready(part), [], self.wrong
        for case in [c for c in limited_cases(part) if c.part in self.ports]:
            for _ in range(40):  # idle connections take descriptors
                try:
                    open_.append(socket.create_connection(("127.0.0.1", self.ports[case.part]), timeout=2))
                except OSError:
                    break
            threading.Timer(1, lambda: [s.close() for s in open_]).start()
            answer = ask(self.ports[case.part], case.method, case.path)
            wrong = self.check(case, answer, shape(case.kind, answer.body) if answer.status == case.status else None)
            if wrong or not self.alive():
                self.complain(f"{case.name}, {name} {value}", 0, True, wrong or f"it ended with {self.process.returncode}")
                break
        served = bool(self.ports)
        self.started(part, f"{name} {value}", 0, True, ready)
        print(f"{part}, {name} {value}: {'served' if served else 'not served'}, {self.wrong - before} wrong", flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--build", default="build")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--calls", default="malloc," + ",".join(CALLS))
    parser.add_argument("patterns", nargs="*")
    options = parser.parse_args()
    run = Run(options)
    meant = lambda name: not options.patterns or any(p in name for p in options.patterns)  # noqa: E731
    try:
        for name, which, value in [LIMITS[2], LIMITS[15]] if options.quick else LIMITS:
            for part in ("playground", "preloaded"):
                if meant(f"{part}, limit {name} {value}"):
                    run.limited(part, f"limit {name}", which, value)
        for call in options.calls.split(","):
            for part in ("playground", "preloaded"):
                if meant(f"start of {part}, {call}"):
                    run.starts(part, call)
                for case in cold_cases("preloaded" if part == "preloaded" else "profiler"):
                    if meant(f"first {case.name}, {call}"):
                        run.cold(case, call)
                cases = list(pprof_cases("preloaded", options.quick)) if part == "preloaded" else \
                    [*playground_cases(), *pprof_cases("profiler", options.quick)]
                cases = [case for case in cases if meant(f"{case.name}, {call}")]
                if cases:
                    run.restart(part, call)
                for case in cases:
                    run.case(case, call)
                wrong = run.stop()
                if wrong:
                    run.complain(part, 0, False, wrong)
    finally:
        run.stop()
        shutil.rmtree(run.work)
    print("answers:", ", ".join(f"{count} {what}" for what, count in sorted(run.answers.items(), key=str)))
    print(f"{run.faults} faults, {run.wrong} wrong")
    sys.exit(run.wrong > 0)


if __name__ == "__main__":
    main()
