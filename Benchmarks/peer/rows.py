"""The rows of a case as the Trainer takes them, encoded as the other side encodes them."""

import json

import transformers


def read(case):
    """(dataset, collator) of a case."""
    if case["task"] == "image-classification":
        from safetensors.torch import load_file

        tensors = load_file(case["train_file"])
        images = [{"pixel_values": pixels, "labels": int(label)}
                  for pixels, label in zip(tensors["pixel_values"], tensors["labels"])]
        return images, transformers.default_data_collator
    tokenizer = read_tokenizer(case["model"])
    encode = classified if case["task"] == "classification" else continued
    collator = (transformers.DataCollatorWithPadding(tokenizer) if case["task"] == "classification"
                else transformers.DataCollatorForSeq2Seq(tokenizer))
    return encode(lines(case), tokenizer, case), collator


def read_tokenizer(model):
    """The file's tokenizer as it is: AutoTokenizer would take the one that the model's type usually has."""
    return transformers.PreTrainedTokenizerFast.from_pretrained(model)


def lines(case):
    with open(case["train_file"], encoding="utf-8") as file:
        return [json.loads(line) for line in file][: case.get("max_train_samples")]


def labels(samples):
    return sorted({sample["label"] for sample in samples}, key=lambda label: label.encode())


def label_count(case):
    return case["labels"] if "labels" in case else len(labels(lines(case)))


def classified(samples, tokenizer, case):
    numbers = {label: number for number, label in enumerate(labels(samples))}
    encoded = tokenizer([sample["text"] for sample in samples], truncation=True, max_length=case["max_length"])
    return [{name: values[row] for name, values in encoded.items()} | {"labels": numbers[sample["label"]]}
            for row, sample in enumerate(samples)]


def continued(samples, tokenizer, case):
    """The prompt is read, the completion and the end token are learnt."""
    prompts = tokenizer([sample["prompt"] for sample in samples])["input_ids"]
    completions = tokenizer([sample["completion"] for sample in samples])["input_ids"]
    examples = []
    for prompt, completion in zip(prompts, completions):
        learnt = completion + [tokenizer.eos_token_id]
        examples.append({"input_ids": prompt + learnt, "attention_mask": [1] * (len(prompt) + len(learnt)),
                         "labels": [-100] * len(prompt) + learnt})
    return examples


def token_count(data, steps, case):
    """Tokens of all steps without padding, as the other side counts them; None where the rows are not all taken."""
    if case["task"] == "image-classification" or steps != case["epochs"] * -(-len(data) // case["batch"]):
        return None
    return case["epochs"] * sum(len(row["input_ids"]) for row in data)
