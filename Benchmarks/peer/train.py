"""The peer's side of a training: transformers' Trainer with peft, as one process.

    train.py SPEC.json

SPEC has the case (see training.py beside this folder), the folder of the adapter to start from, and whether the peer
runs with its defaults or with its best settings. Writes what was measured to the file that SPEC names.
"""

import json
import pathlib
import sys
import time

import torch
import transformers
from peft import PeftConfig, PeftModel

import rows

# What makes the peer fastest on a CPU, of what its own settings offer. Fused AdamW and SDPA are its defaults by now.
BEST = {
    "train_sampling_strategy": "group_by_length", "optim": "adamw_torch_fused", "disable_tqdm": True,
    "save_strategy": "no", "eval_strategy": "no", "logging_steps": 1_000_000,
}


class StepClock(transformers.TrainerCallback):
    """The wall-clock time at which each optimizer step ended, and what the first one logged."""

    def __init__(self):
        self.begin, self.ends, self.first_loss, self.first_norm = None, [], None, None

    def on_train_begin(self, args, state, control, **_):
        self.begin = time.time()

    def on_step_end(self, args, state, control, **_):
        self.ends.append(time.time())

    def on_log(self, args, state, control, logs=None, **_):
        if self.first_loss is None and logs and "grad_norm" in logs:
            self.first_loss, self.first_norm = float(logs["loss"]), float(logs["grad_norm"])


class RankAllocation(transformers.TrainerCallback):
    """AdaLoRA's allocation, which peft asks the training loop to call before gradients are cleared."""

    def on_optimizer_step(self, args, state, control, model=None, **_):
        model.base_model.update_and_allocate(state.global_step + 1)


def main(spec):
    case = spec["case"]
    transformers.logging.set_verbosity_error()
    transformers.set_seed(42)
    data, collator = rows.read(case)
    model = load(case)
    model = PeftModel.from_pretrained(model, spec["start"], config=adapter_config(spec["start"], case), is_trainable=True)
    settings = {} if spec["mode"] == "defaults" else dict(BEST)
    if settings and case["task"] == "image-classification":
        del settings["train_sampling_strategy"]  # images are all of one length
    if spec.get("compile"):
        settings["torch_compile"] = True
    clock = StepClock()
    callbacks = [clock]
    if case["method"]["name"] == "adalora":
        callbacks.append(RankAllocation())
    arguments = transformers.TrainingArguments(
        output_dir=spec["output"] + "/trainer", use_cpu=True, per_device_train_batch_size=case["batch"],
        num_train_epochs=case["epochs"], max_steps=case.get("max_steps", -1), learning_rate=case["learning_rate"],
        warmup_steps=case.get("warmup_ratio", 0.0), logging_first_step=True, seed=42, **settings)
    trainer = transformers.Trainer(
        model=model, args=arguments, train_dataset=data, data_collator=collator, callbacks=callbacks)
    trainer.train()
    model.save_pretrained(spec["output"])
    pathlib.Path(spec["result"]).write_text(json.dumps({
        "begin": clock.begin, "step_ends": clock.ends, "loss": clock.first_loss, "grad_norm": clock.first_norm,
        "tokens": rows.token_count(data, len(clock.ends), case),
        "trainable": sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
    }))


def adapter_config(start, case):
    """The start's configuration, with AdaLoRA's schedule for the steps of this run: the start had one step."""
    config = PeftConfig.from_pretrained(start)
    if case["method"]["name"] == "adalora":
        config.target_r, config.rank_pattern = case["method"]["target_r"], None
        steps = case["max_steps"] if case["max_steps"] > 0 else case["epochs"]
        # The check's only step must not be the schedule's last: peft allocates there by what earlier steps have noted.
        config.total_step = max(2, steps)
    config.inference_mode = False
    return config


def load(case):
    kinds = {"classification": transformers.AutoModelForSequenceClassification,
             "image-classification": transformers.AutoModelForImageClassification,
             "causal-lm": transformers.AutoModelForCausalLM}
    options = {"dtype": torch.float32, "attn_implementation": "sdpa"}
    if case["task"] == "causal-lm":
        options["use_cache"] = False
    else:
        options["num_labels"] = rows.label_count(case)
    return kinds[case["task"]].from_pretrained(case["model"], **options)


if __name__ == "__main__":
    main(json.loads(pathlib.Path(sys.argv[1]).read_text()))
