"""Runs the tests with every Python that the machine has, from 3.9 on; closes with `N passed, M failed, K skipped`."""

import glob
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
PROBE = "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable)"
SUITE_SECONDS = 600


def candidates():
    """Programs that may be a Python: on PATH, and those that version managers keep."""
    home = os.path.expanduser("~")
    names = ["python3", "python", *(f"python3.{minor}" for minor in range(9, 15))]
    yield sys.executable
    yield from filter(None, map(shutil.which, names))
    for root in (os.environ.get("PYENV_ROOT") or os.path.join(home, ".pyenv"), "/opt/pyenv"):
        yield from sorted(glob.glob(os.path.join(root, "versions", "*", "bin", "python")))
        yield from sorted(glob.glob(os.path.join(root, "pyenv-win", "versions", "*", "python.exe")))
    yield from sorted(glob.glob(os.path.join(home, ".local/share/uv/python", "*", "bin", "python3")))


def interpreters():
    """One program a version."""
    found = {}
    for program in candidates():
        try:
            asked = subprocess.run([program, "-c", PROBE], capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.SubprocessError):
            continue
        version, _, path = asked.stdout.partition("\n")
        numbers = tuple(map(int, version.split("."))) if re.fullmatch(r"\d+\.\d+", version) else ()
        if asked.returncode == 0 and numbers >= (3, 9):
            found.setdefault(numbers, path.strip())
    return sorted(found.items())


def run(interpreter, pattern="test*.py"):
    (major, minor), program = interpreter
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    for name in [name for name in environment if name.startswith("EPOCHTREE_")]:
        del environment[name]
    discover = ["discover", "-s", HERE, "-t", HERE, "-p", pattern]
    command = [program, "-W", "error::ResourceWarning", "-m", "unittest", *discover]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=HERE, timeout=SUITE_SECONDS)
        text, status = done.stderr + done.stdout, done.returncode
    except subprocess.TimeoutExpired:
        text, status = f"not done after {SUITE_SECONDS} s", 1
    ran = int((re.findall(r"^Ran (\d+) tests?", text, re.M) or [0])[-1])
    failed = sum(int(n) for n in re.findall(r"(?:failures|errors|unexpected successes)=(\d+)", text))
    skipped = sum(int(n) for n in re.findall(r"skipped=(\d+)", text))
    if (status != 0 and failed == 0) or ran == 0:
        failed += 1
    return f"{major}.{minor}", ran - min(ran, failed) - skipped, failed, skipped, text


def has_torch(program):
    asked = [program, "-c", "import torch"]
    return subprocess.run(asked, capture_output=True, timeout=300).returncode == 0


def main():
    found = interpreters()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, found))
    torch = next((interpreter for interpreter in reversed(found) if has_torch(interpreter[1])), None)
    if torch is not None:
        results.append(run(torch, "with_torch.py"))
    else:
        print("No interpreter here has PyTorch: run tests/with_torch.py with one that has.")
    for version, passed, failed, skipped, text in results:
        if failed:
            print(text)
        print(f"Python {version}: {passed} passed, {failed} failed, {skipped} skipped")
    passed, failed, skipped = (sum(result[i] for result in results) for i in (1, 2, 3))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
