"""Downloads PyPI's torch wheel and unpacks the C++ part of it: DESTINATION/{lib,include,LICENSE}.

    unpack_libtorch.py VERSION DESTINATION

Called by Scripts/setup-libtorch. Only Python's standard library and pip's `download` are used; nothing is
installed, and nothing of Python is needed once the libraries are unpacked.
"""

import base64
import csv
import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

# sha256 of the wheels that were tried. The C++ part does not depend on Python's version, so every machine asks for
# the wheel of the same Python, and one line per platform is enough.
WHEEL_PYTHON = "3.11"
KNOWN_WHEELS = {
    "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl":
        "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
    "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl":
        "60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7",
    "torch-2.13.0-cp311-cp311-manylinux_2_28_aarch64.whl":
        "092790c696a760c729fd5722835f50b9d81fd7c8f141571f3f3cf4081a8f664c",
    "torch-2.13.0-cp311-cp311-macosx_14_0_arm64.whl":
        "e76f9bcecc52b8ff711239a2f7547d5353df95878ab232f0773c1d95928b92f8",
}

# PyPI's Linux wheel carries the CUDA build. Its CPU library asks for these two small CUDA libraries by name even on
# machines without a GPU; the large ones are left out (use GRAFT_LIBTORCH for a complete CUDA build).
CUDA_STUBS = {
    "nvidia-cuda-runtime==13.0.*": "libcudart.so",
    "nvidia-cuda-cupti==13.0.*": "libcupti.so",
}
LEFT_OUT = (
    "libtorch.", "libtorch_python", "libtorch_cuda", "libtorch_nvshmem", "libtorch_global_deps", "libc10_cuda",
    "libcaffe2_nvrtc", "libshm", "libbackend_with_compiler", "libjitbackend_test", "libtorchbind_test",
    "libaoti_custom_ops",
)
CHUNK = 1 << 20


class SetupError(Exception):
    """A failure that one sentence explains."""


def main(version, destination):
    destination = pathlib.Path(destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=destination.parent) as scratch:
        scratch = pathlib.Path(scratch)
        wheel = download(f"torch=={version}", scratch / "torch", python=WHEEL_PYTHON)
        check_wheel(wheel)
        staged = scratch / "staged"
        if unpack(wheel, staged):
            for requirement, library in CUDA_STUBS.items():
                unpack_library(download(requirement, scratch / library), library, staged / "lib")
        wheel.unlink()
        move_into_place(staged, destination)


def download(requirement, folder, python=None):
    """The wheel that pip finds for `requirement`, put into `folder`."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    if python:
        command += ["--python-version", python]
    if not sys.stderr.isatty():
        command += ["--quiet"]
    pip = subprocess.run(
        command + ["--disable-pip-version-check", requirement], stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
    wheels = sorted(folder.glob("*.whl")) if folder.is_dir() else []
    if pip.returncode != 0 or len(wheels) != 1:
        errors = [line for line in pip.stderr.splitlines() if line.startswith("ERROR:")]
        reason = errors[0].removeprefix("ERROR:").strip() if errors else f"pip ended with status {pip.returncode}"
        raise SetupError(
            f"pip could not download {requirement} ({reason}); make PyPI reachable, or name a folder that holds the "
            "wheel in PIP_FIND_LINKS, or set GRAFT_LIBTORCH to an installed libtorch")
    return wheels[0]


def check_wheel(wheel):
    """Holds the whole file against the table above. A wheel that is not in it is checked file by file only."""
    expected = KNOWN_WHEELS.get(wheel.name)
    if expected is None:
        note(f"{wheel.name} is not among the wheels that were tried; its files are checked against its own record")
        return
    digest = hashlib.sha256()
    with wheel.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        raise SetupError(
            f"{wheel.name} has sha256 {digest.hexdigest()} where {expected} was expected; "
            "remove it from pip's cache or your wheel folder and run this again")


def unpack(wheel, staged):
    """Unpacks libraries, headers and the licence. True if this is a CUDA build."""
    with zipfile.ZipFile(wheel) as archive:
        record = read_record(archive)
        names = archive.namelist()
        for name in names:
            target = place(name)
            if target and not name.endswith("/"):
                extract(archive, name, staged / target, record)
        return any(name.startswith("torch/lib/libtorch_cuda") for name in names)


def place(name):
    """Where a member of the torch wheel goes, or None where it is not needed."""
    if ".." in pathlib.PurePosixPath(name).parts:
        return None
    if name.startswith("torch/include/"):
        return name.removeprefix("torch/")
    if name.startswith(("torch/lib/", "torch.libs/")):
        file = name.rsplit("/", 1)[1]
        is_library = ".so" in file or file.endswith(".dylib")
        return f"lib/{file}" if is_library and not file.startswith(LEFT_OUT) else None
    if name.endswith(".dist-info/licenses/LICENSE"):
        return "LICENSE"
    return None


def unpack_library(wheel, library, folder):
    """Unpacks the one shared library whose name starts with `library`."""
    with zipfile.ZipFile(wheel) as archive:
        record = read_record(archive)
        for name in archive.namelist():
            file = name.rsplit("/", 1)[-1]
            if file.startswith(library):
                extract(archive, name, folder / file, record)


def read_record(archive):
    """The wheel's own list of digests: name to base64 of the sha256."""
    path = next((name for name in archive.namelist() if name.endswith(".dist-info/RECORD")), None)
    if path is None:
        raise SetupError(f"{pathlib.Path(archive.filename).name} holds no RECORD; it is not a complete wheel")
    rows = csv.reader(io.TextIOWrapper(archive.open(path), encoding="utf-8"))
    return {row[0]: row[1].removeprefix("sha256=") for row in rows if len(row) >= 2}


def extract(archive, name, target, record):
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with archive.open(name) as source, target.open("wb") as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
    if base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=") != record.get(name):
        raise SetupError(f"{name} differs from the digest in its wheel's RECORD; run this again to download it anew")


def move_into_place(staged, destination):
    """Renames the finished folder, so that a half-unpacked one is never seen under its final name."""
    if destination.exists():
        shutil.rmtree(destination)
    os.replace(staged, destination)


def note(sentence):
    print(f"setup-libtorch: {sentence}.", file=sys.stderr)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (SetupError, OSError, zipfile.BadZipFile) as error:
        note(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        note("interrupted; nothing was left behind")
        sys.exit(130)
