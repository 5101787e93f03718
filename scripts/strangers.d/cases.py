"""Runs one module of Python's own tests, and prints the outcome of each test case.

usage: cases.py MODULE
"""

import importlib
import os
import sys
import unittest

# Tests look at what their children print. The children record, and are not served.
os.environ.pop("LEAKPROF_LISTEN", None)
outcomes = []
LEFT_OUT = ("test_siginterrupt_off", "VSOCK")  # waits for 30 s each time; hangs in some virtual machines


def cases(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from cases(test)
        elif not any(part in test.id() for part in LEFT_OUT):
            yield test


class Outcomes(unittest.TestResult):
    def addSuccess(self, test):
        outcomes.append(("ok", test.id()))

    def addError(self, test, err):
        outcomes.append(("error", test.id(), err[1]))

    def addFailure(self, test, err):
        outcomes.append(("failed", test.id(), err[1]))

    def addSkip(self, test, reason):
        outcomes.append(("skipped", test.id()))

    def addSubTest(self, test, subtest, err):
        if err:
            outcomes.append(("failed", subtest.id(), err[1]))


from test import support  # noqa: E402

support.verbose = False
answers = os.fdopen(os.dup(1), "w")
module = importlib.import_module("test." + sys.argv[1])
fixtures = unittest.defaultTestLoader.suiteClass  # runs setUpClass and setUpModule of the cases that are left
fixtures(cases(unittest.defaultTestLoader.loadTestsFromModule(module))).run(Outcomes())
for outcome in sorted(outcomes, key=lambda o: (o[1], o[0])):
    print(*outcome[:2], file=answers)
    if len(outcome) > 2:
        print(outcome[2], file=sys.stderr)
print(len(outcomes), "cases", file=answers)
