"""Holds Graft's peft folders against Python's peft, both ways, for every variant of LoRA and other methods.

    check.py --graft PATH [--direction theirs|ours|both] [--only PART-OF-NAME] [--keep DIR] [--jobs N]
    check.py --make-only DIR

theirs: peft makes an adapter, `graft forward` reads it, and the logits must agree.
ours:   `graft train` makes an adapter, peft reads it, and the logits of both must agree.
--make-only writes the first direction's cases as golden folders, for `graft verify --cases DIR`.
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import torch
from safetensors.torch import load_file, save_file

import golden
import make_adapters
import training_data
from method_variations import variations

BOUND = 1e-4  # largest difference of any logit, as a share of the largest logit where that is above 1
TIME_LIMIT = 120
VARIATIONS = list(variations())  # by number, since a variation's functions cannot be sent to another process


class Mismatch(Exception):
    """One variant that failed, in a sentence."""


def run(graft, *arguments):
    command = [graft, *map(str, arguments)]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                timeout=TIME_LIMIT, env=os.environ | {"OMP_NUM_THREADS": "1"})
    except subprocess.TimeoutExpired:
        raise Mismatch(f"`graft {arguments[0]}` took more than {TIME_LIMIT} s") from None
    if result.returncode != 0:
        lines = result.stdout.strip().splitlines() or ["no output"]
        raise Mismatch(f"`graft {arguments[0]}` ended with status {result.returncode}: {lines[-1]}")


def forward(graft, checkpoint, adapter, inputs, folder):
    """Our logits, zeroed where the mask is 0."""
    given, wanted = folder / "inputs.safetensors", folder / "logits.safetensors"
    arguments = golden.arguments(inputs)
    save_file(arguments, given)
    run(graft, "forward", "--model", checkpoint, "--adapter", adapter, "--inputs", given, "--output", wanted)
    logits = load_file(wanted)["logits"]
    mask = None if "decoder_input_ids" in arguments else arguments.get("attention_mask")
    return golden.zero_masked(logits, mask if logits.ndim == 3 else None)


def compare(found, expected):
    if found.shape != expected.shape:
        raise Mismatch(f"logits have the shape {list(found.shape)} where {list(expected.shape)} was expected")
    difference = (found - expected).abs().max().item() / max(1.0, expected.abs().max().item())
    if not difference <= BOUND:
        raise Mismatch(f"logits differ by {difference:.1e}, more than {BOUND:.0e}")
    return difference


def theirs_to_ours(graft, case, folder, seed):
    made = make_adapters.make(case, folder, seed)
    tensors = load_file(made / "tensors.safetensors")
    inputs = {name: tensor for name, tensor in tensors.items() if name.startswith("in.")}
    if case.refused:
        try:
            forward(graft, made / "model", made / "adapter", inputs, folder)
        except Mismatch as error:
            if case.refused in str(error):
                return 0.0
            raise
        raise Mismatch(f"{case.refused} is not computed, yet nothing was said")
    found = forward(graft, made / "model", made / "adapter", inputs, folder)
    return compare(found, tensors["out.logits"])


def ours_to_theirs(graft, case, folder, seed):
    checkpoint, output = folder / "model", folder / "run"
    make_adapters.make_base(case.base, checkpoint, seed)
    training_data.write(case, folder, checkpoint, output)
    run(graft, "train", folder / "recipe.yaml")
    adapters = [file.parent for file in output.rglob("adapter_config.json")]
    if not adapters:
        raise Mismatch(f"`graft train` left no adapter_config.json below {output}")
    adapter = min(adapters, key=lambda path: len(path.parts))
    inputs = make_adapters.base_inputs(case.base, seed)
    expected = make_adapters.outputs(case.base, checkpoint, adapter, inputs)
    if (expected["out.logits"] - expected["out.base_logits"]).abs().max() < 1e-4:
        raise Mismatch("the trained adapter changes nothing in peft's eyes")
    return compare(forward(graft, checkpoint, adapter, inputs, folder), expected["out.logits"])


def check(graft, direction, number, keep):
    case, seed = VARIATIONS[number], 5000 + 10 * number
    name = f"{case.base}-{case.name}"
    way = theirs_to_ours if direction == "theirs" else ours_to_theirs
    with tempfile.TemporaryDirectory() as scratch:
        folder = (keep or pathlib.Path(scratch)) / direction / name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return direction, name, f"{way(graft, case, folder, seed):.1e}", True
        except Mismatch as error:
            return direction, name, str(error), False
        except Exception as error:  # peft or transformers could not read what we wrote
            lines = str(error).splitlines() or [""]
            return direction, name, f"{type(error).__name__}: {lines[0]}", False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graft", help="the command to check")
    parser.add_argument("--direction", choices=["theirs", "ours", "both"], default="both")
    parser.add_argument("--only", default="", help="only the variants whose name contains this")
    parser.add_argument("--keep", type=pathlib.Path, help="leave the folders here")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--make-only", type=pathlib.Path, metavar="DIR", help="write the cases and check nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.make_only:
        make_adapters.make_all(options.make_only, options.only)
        return 0
    if not options.graft:
        parser.error("--graft PATH is needed, or --make-only DIR")

    started = time.monotonic()
    work = []
    for number, case in enumerate(VARIATIONS):
        if options.only in f"{case.base}-{case.name}":
            if options.direction != "ours":
                work.append(("theirs", number))
            if options.direction != "theirs" and training_data.can_train(case):
                work.append(("ours", number))
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(check, options.graft, direction, number, options.keep) for direction, number in work]
        results = [future.result() for future in futures]
    for direction, name, detail, passed in results:
        print(f"{'ok  ' if passed else 'FAIL'} {direction:6} {name:32} {detail}")
    failed = sum(not passed for *_, passed in results)
    seconds = time.monotonic() - started
    print(f"interop: {len(results) - failed} passed, {failed} failed, in {seconds:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
