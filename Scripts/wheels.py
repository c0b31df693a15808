"""PyPI's wheels as plain archives: downloaded with pip, checked, unpacked file by file. Nothing is installed.

Only Python's standard library and `pip download` are used.
"""

import base64
import csv
import hashlib
import io
import pathlib
import shutil
import subprocess
import sys
import zipfile

CHUNK = 1 << 20


class SetupError(Exception):
    """A failure that one sentence explains."""


def require_pip(purpose):
    """The pip that Debian leaves out of python3 is the one thing that a fresh machine often lacks."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode != 0:
        raise SetupError(f"python3 has no pip, which downloads {purpose}; on Debian: apt-get install python3-pip")


def download(requirement, folder, remedy, python=None):
    """The wheel that pip finds for `requirement`, put into `folder`. `remedy` ends the sentence where there is none."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    if python:
        command += ["--python-version", python]
    if not sys.stderr.isatty():
        command += ["--quiet"]
    pip = subprocess.run(
        command + ["--disable-pip-version-check", requirement], stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
    wheels = sorted(pathlib.Path(folder).glob("*.whl"))
    if pip.returncode != 0 or len(wheels) != 1:
        errors = [line for line in pip.stderr.splitlines() if line.startswith("ERROR:")]
        reason = errors[0].removeprefix("ERROR:").strip() if errors else f"pip ended with status {pip.returncode}"
        raise SetupError(f"pip could not download {requirement} ({reason}); make PyPI reachable, or name a folder "
                         f"that holds the wheel in PIP_FIND_LINKS{remedy}")
    return wheels[0]


def check_digest(file, expected):
    digest = hashlib.sha256()
    with file.open("rb") as contents:
        while chunk := contents.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        raise SetupError(f"{file.name} has sha256 {digest.hexdigest()} where {expected} was expected; "
                         "remove it from pip's cache or your folder of wheels and run this again")


def unpack(wheel, folder, place):
    """Unpacks the members for which `place(name)` gives a path below `folder`, each held against the wheel's RECORD.

    Returns the names of all members.
    """
    with zipfile.ZipFile(wheel) as archive:
        record = read_record(archive)
        names = [name for name in archive.namelist() if not name.endswith("/")]
        for name in names:
            if target := place(name):
                extract(archive, name, folder / target, record)
        return names


def read_record(archive):
    """The wheel's own list of digests: name to base64 of the sha256."""
    path = next((name for name in archive.namelist() if name.endswith(".dist-info/RECORD")), None)
    if path is None:
        raise SetupError(f"{pathlib.Path(archive.filename).name} holds no RECORD; it is not a complete wheel")
    rows = csv.reader(io.TextIOWrapper(archive.open(path), encoding="utf-8"))
    return {row[0]: row[1].removeprefix("sha256=") for row in rows if len(row) >= 2}


def extract(archive, name, target, record):
    if ".." in target.parts:
        raise SetupError(f"the wheel's member {name} would leave its folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with archive.open(name) as source, target.open("wb") as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
    if base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=") != record.get(name):
        raise SetupError(f"{name} differs from the digest in its wheel's RECORD; run this again to download it anew")


def move_into_place(staged, destination):
    """Renames the finished folder, so that a half-made one is never seen under its final name."""
    if destination.exists():
        shutil.rmtree(destination)
    staged.rename(destination)


def run(program, main):
    """Runs `main`; a failure becomes one sentence on the error stream and status 1."""
    try:
        main()
    except (SetupError, OSError, zipfile.BadZipFile) as error:
        print(f"{program}: {error}.", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{program}: interrupted; nothing was left behind.", file=sys.stderr)
        sys.exit(130)
