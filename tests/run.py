"""Lint, types and the whole suite on each backend, each in a process of its own.

Run `python -m tests.run`, or with words for pytest: `python -m tests.run -k cbam`. Keras picks its
backend once per process, hence a process for each. The last line counts over all of them.
"""

import collections
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

BACKENDS = ("tensorflow", "jax", "torch")
ROOT = pathlib.Path(__file__).resolve().parent.parent
# What the tests measure of each layer; `make docs` makes its page from it.
RECORD = ROOT / ".cache" / "record"
# On JAX the tests compile for longer than they compute. Level 0 would be faster still, but it gives
# NaN gradients, and a program in one part spares the work of joining several. The environment comes
# first: with `XLA_FLAGS=` the tests have what users have.
QUICK_TO_COMPILE = {
    "XLA_FLAGS": "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=1 "
    "--xla_cpu_parallel_codegen_split_count=1"
}


def main(words: list[str]) -> int:
    checks = {
        "lint": [sys.executable, "-m", "ruff", "check", "."],
        "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
        "types": [sys.executable, "-m", "mypy"],
    }
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for name, command in checks.items():
        good = _timed(name, command, dict(os.environ)) == 0
        counts["passed" if good else "failed"] += 1
    shutil.rmtree(RECORD, ignore_errors=True)
    for backend in BACKENDS:
        for outcome, number in _suite(backend, words).items():
            counts[outcome] += number
    if not words:
        good = _timed("record", [sys.executable, "-m", "tests.page.check"], _environment("torch"))
        counts["passed" if good == 0 else "failed"] += 1
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] else 0


def _suite(backend: str, words: list[str]) -> dict[str, int]:
    """Run pytest on one backend and count from its report; a crash counts as one failure."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}", "-n", "2"]
        status = _timed(backend, [*command, "--dist", "worksteal", *words], _environment(backend))
        counts = {"passed": 0, "failed": 0, "skipped": 0}
        if report.exists():
            (suite,) = ElementTree.parse(report).getroot().iter("testsuite")
            counts["failed"] = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            counts["skipped"] = int(suite.get("skipped", 0))
            total = int(suite.get("tests", 0))
            counts["passed"] = total - counts["failed"] - counts["skipped"]
            print(f"{backend}: slowest files, seconds: {_slowest(suite)}", flush=True)
        if status and not counts["failed"]:
            counts["failed"] = 1
        return counts


def _slowest(suite, count: int = 12) -> str:
    """The files of tests that took longest, with their seconds."""
    seconds: collections.Counter[str] = collections.Counter()
    for case in suite.iter("testcase"):
        seconds[case.get("classname", "")] += float(case.get("time", 0))
    told = (
        f"{name.removeprefix('tests.')} {spent:.0f}" for name, spent in seconds.most_common(count)
    )
    return ", ".join(told)


def _environment(backend: str) -> dict[str, str]:
    return {
        **(QUICK_TO_COMPILE if backend == "jax" else {}),
        **os.environ,
        "KERAS_BACKEND": backend,
        "KERAS_ATTENTION_RECORD": str(RECORD),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Two workers share two cores: more threads only wait for each other.
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        # JAX compiles every shape of every operation: what one worker compiled serves the other.
        "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def _timed(name: str, command: list[str], environment: dict[str, str]) -> int:
    print(f"== {name}", flush=True)
    started = time.monotonic()
    status = subprocess.run(command, cwd=ROOT, env=environment).returncode
    seconds = time.monotonic() - started
    print(f"== {name}: {'ok' if status == 0 else 'FAILED'} in {seconds:.0f} s", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
