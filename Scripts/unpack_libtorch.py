"""Downloads PyPI's torch wheel and unpacks the C++ part of it: DESTINATION/{lib,include,LICENSE}.

    unpack_libtorch.py VERSION DESTINATION

Called by Scripts/setup-libtorch. Only Python's standard library and pip's `download` are used; nothing is
installed, and nothing of Python is needed once the libraries are unpacked.
"""

import pathlib
import sys
import tempfile

import wheels

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
REMEDY = ", or set GRAFT_LIBTORCH to an installed libtorch"


def main():
    version, destination = sys.argv[1], pathlib.Path(sys.argv[2])
    wheels.require_pip("libtorch")
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=destination.parent) as scratch:
        scratch = pathlib.Path(scratch)
        wheel = wheels.download(f"torch=={version}", scratch / "torch", REMEDY, python=WHEEL_PYTHON)
        if wheel.name in KNOWN_WHEELS:
            wheels.check_digest(wheel, KNOWN_WHEELS[wheel.name])
        else:
            print(f"setup-libtorch: {wheel.name} is not among the wheels that were tried; "
                  "its files are checked against its own record.", file=sys.stderr)
        staged = scratch / "staged"
        names = wheels.unpack(wheel, staged, place)
        if any(name.startswith("torch/lib/libtorch_cuda") for name in names):
            unpack_cuda_stubs(scratch, staged)
        wheels.move_into_place(staged, destination)


def place(name):
    """Where a member of the torch wheel goes, or None where it is not needed."""
    file = name.rsplit("/", 1)[-1]
    if name.startswith("torch/include/"):
        return name.removeprefix("torch/")
    if name.startswith(("torch/lib/", "torch.libs/")):
        is_library = ".so" in file or file.endswith(".dylib")
        return f"lib/{file}" if is_library and not file.startswith(LEFT_OUT) else None
    return "LICENSE" if name.endswith(".dist-info/licenses/LICENSE") else None


def unpack_cuda_stubs(scratch, staged):
    for requirement, library in CUDA_STUBS.items():
        def place_library(name):
            file = name.rsplit("/", 1)[-1]
            return f"lib/{file}" if file.startswith(library) else None

        wheels.unpack(wheels.download(requirement, scratch / library, REMEDY), staged, place_library)


wheels.run("setup-libtorch", main)
