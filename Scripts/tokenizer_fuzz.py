"""Writes random golden cases: hard texts, and tokenizers with changed options, answered by Python's `tokenizers`.

Usage: pip install tokenizers==0.23.3
       python Scripts/tokenizer_fuzz.py TOKENIZERS OUT [--seed 1] [--variants 4] [--texts 150]
TOKENIZERS is a tree with files `tokenizer.json`, for instance Tests/TokenizersTests/Fixtures/tokenizers; OUT gets a
tree of cases in the same layout. Replay them with `graft verify --cases OUT`.
"""
import argparse
import copy
import json
import pathlib
import random
import sys

from tokenizers import Tokenizer

SNIPPETS = """Hello|world|the|The quick brown fox|don't|DON'T|they'll|I'm|we'VE|'ſ|'S 's|it's' 's|ß SS ss|naïve|café|cafe\u0301|
e\u0301\u0323|\u0323\u0301|A\u030a|Å|Å|ﬁ|ﬀ|ﬃx|ǆ|Ǆ|ſ|İ|ı|i\u0307|Σ|ΑΣ|ς|ẞ|½|²³|①|Ⅷ|٣|१२|一二|12345|1234567|3.14|1e-5|1,000|漢字|かな|カナ|ー|
ｶﾞ|한국어|\u1112\u1161\u11ab|中文 English 混ざる|ไทย|नमस्ते|क्षि|עברית|السَّلام|مرحبا|می‌رود|привет|Ёё|й|ό|ώ|ᾳ|ᾼ|😀|👨\u200d👩\u200d👧|🏳️\u200d🌈|👍🏽|🇩🇪|❤️|
\u200b|\u200d|\u00ad|\ufeff|\u2028|\u2029|\u0085|\u00a0|\u3000|\u1680|\u202f|\u180e|\x00|\x01|\x07|\x0b|\x0c|\x1c|\x1f|\x7f|\x9f|\ufffd|\ufffe|\ue000|\U000e0001|
\U0010ffff|\u0378|\U0001e030|\u0600|\t|\r\n|\n|\n\n|\r| |  |   |     | \n|\n | \t |a b|▁|▁▁|Ġ|Ċ|Ã|##|##ing|</w>|@@|_|__init__|snake_case|CamelCase|
XMLHttpRequest|foo.bar()|http://a.b/c?d=e|a@b.c|$5|€|£|`code`|``x''|"q"|“q”|‘q’|…|...|!!|?!|--|—|–|-|+|=|<>|<|>|^|~|\\|/|%|&|*|#|(|)|[|]|{|}|;|:|,|.|
not do not n't|x ' y|. , ! ?|<0x41>|<0xE2>|<unk>|<s>|</s>|<pad>|[UNK]|[CLS]|[MASK]|<mask>|<|endoftext|>|<|im_start|>|<extra_id_0>|TOK|tok01|abc|ab|a|b|
aaaaaaaaaaaaaaaaaaaa|abababababab|zzzzzzzz|\u0301\u0301\u0301|ａｂｃ１２３|㌔|℡|№|™|ŉ|Ŀ|ĳ|\u0344|\u0340|Ω|K|豈|\U0002f800|\U0001d400|\u0f73|\u0fb2\u0f71|ↄ|Ⴀ|ꭰ|Ა
""".replace("\n", "").split("|")
PATTERNS = [r"\s+", r"\p{N}{1,3}", r"[^\s\p{L}\p{N}]+", r"\d", r"\w+", r"(?i:'s|'t|ss)", r" ?\p{L}+", r"\s+(?!\S)|\s+",
            r"^", r"$", r"(?<=a)b|c", r"[\r\n]", r"\b", r"[a-z&&[^aeiou]]+", r"\p{Lu}?\p{Ll}+", r"x*", r"(a|b)+?\1",
            r"[一-龥]+", r"(?>\s+)\S", r".", r"\p{Han}+|\p{Cyrillic}+", r"(?:\p{L}\p{M}*)+", r"\S++", r"[[:punct:]]+",
            r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"]
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


class Fuzzer:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def flag(self):
        return self.random.random() < 0.5

    def pattern(self):
        if self.flag():
            return {"String": self.random.choice([" ", "a", "  ", "the", "\n", "é", ".", "▁", "''", "\\"])}
        return {"Regex": self.random.choice(PATTERNS)}

    def normalizer(self, precompiled):
        kind = self.random.choice(["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip", "Nmt", "Replace",
                                   "Prepend", "BertNormalizer", "Precompiled", "ByteLevel"])
        if kind == "Strip":
            return {"type": kind, "strip_left": self.flag(), "strip_right": self.flag()}
        if kind == "Replace":
            # The reference loses its alignment where something is put in before the first character.
            pattern = self.pattern()
            while pattern.get("Regex") in ("^", "$", "x*", r"\b"):
                pattern = self.pattern()
            return {"type": kind, "pattern": pattern, "content": self.random.choice(["", "▁", " ", "xy", "$1"])}
        if kind == "Prepend":
            return {"type": kind, "prepend": self.random.choice(["▁", " ", "ab", "é"])}
        if kind == "BertNormalizer":
            return {"type": kind, "clean_text": self.flag(), "handle_chinese_chars": self.flag(),
                    "strip_accents": self.random.choice([None, True, False]), "lowercase": self.flag()}
        if kind == "Precompiled":
            return precompiled or {"type": "NFKC"}
        if kind == "ByteLevel" and self.flag():
            return {"type": "Lowercase"}
        return {"type": kind}

    def pre_tokenizer(self):
        kind = self.random.choice(["BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits", "FixedLength",
                                   "Metaspace", "Punctuation", "Split", "Split", "UnicodeScripts", "Whitespace",
                                   "WhitespaceSplit"])
        options = {
            "ByteLevel": lambda: {"add_prefix_space": self.flag(), "trim_offsets": self.flag(), "use_regex": self.flag()},
            "CharDelimiterSplit": lambda: {"delimiter": self.random.choice("-a ▁é")},
            "Digits": lambda: {"individual_digits": self.flag()},
            "FixedLength": lambda: {"length": self.random.choice([1, 2, 5])},
            "Metaspace": lambda: {"replacement": self.random.choice("▁_é"), "split": self.flag(),
                                  "prepend_scheme": self.random.choice(["always", "first", "never"])},
            "Punctuation": lambda: {"behavior": self.random.choice(BEHAVIORS)},
            "Split": lambda: {"pattern": self.pattern(), "behavior": self.random.choice(BEHAVIORS), "invert": self.flag()},
        }
        return {"type": kind} | options.get(kind, dict)()

    def decoder(self):
        kind = self.random.choice(["BPEDecoder", "ByteFallback", "ByteLevel", "CTC", "Fuse", "Metaspace", "Replace",
                                   "Strip", "WordPiece"])
        options = {
            "BPEDecoder": lambda: {"suffix": self.random.choice(["</w>", "e"])},
            "ByteLevel": lambda: {"add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "CTC": lambda: {"pad_token": "a", "word_delimiter_token": "e", "cleanup": self.flag()},
            "Metaspace": lambda: {"replacement": "▁", "split": True,
                                  "prepend_scheme": self.random.choice(["always", "first", "never"])},
            "Replace": lambda: {"pattern": self.pattern(), "content": self.random.choice(["", " ", "xy"])},
            "Strip": lambda: {"content": self.random.choice(" ▁a"), "start": self.random.choice([0, 1, 3]), "stop": 0},
            "WordPiece": lambda: {"prefix": self.random.choice(["##", "a"]), "cleanup": self.flag()},
        }
        return {"type": kind} | options.get(kind, dict)()

    def post_processor(self, vocabulary):
        a, b = self.random.sample(sorted(vocabulary)[:50], 2)
        kind = self.random.choice(["BertProcessing", "RobertaProcessing", "ByteLevel", "TemplateProcessing"])
        if kind == "ByteLevel":
            return {"type": kind, "add_prefix_space": self.flag(), "trim_offsets": self.flag(), "use_regex": True}
        if kind == "TemplateProcessing":
            special = lambda t, i: {"SpecialToken": {"id": t, "type_id": i}}
            text = lambda s, i: {"Sequence": {"id": s, "type_id": i}}
            return {"type": kind, "single": [special(a, 0), text("A", 1), special(b, 2)],
                    "pair": [text("B", 1), special(a, 3), text("A", 0), special(b, 1), special(b, 1)],
                    "special_tokens": {t: {"id": t, "ids": [vocabulary[t]] * n, "tokens": [t] * n}
                                       for t, n in ((a, 1), (b, 2))}}
        options = {"sep": [a, vocabulary[a]], "cls": [b, vocabulary[b]]}
        if kind == "RobertaProcessing":
            options |= {"trim_offsets": self.flag(), "add_prefix_space": self.flag()}
        return {"type": kind} | options

    def sequence(self, key, make, low, high):
        items = [make() for _ in range(self.random.randint(low, high))]
        return items[0] if len(items) == 1 and self.flag() else {"type": "Sequence", key: items}

    def mutate(self, spec, precompiled):
        spec = copy.deepcopy(spec)
        model = spec["model"]
        vocabulary = {t: i for i, (t, _) in enumerate(model["vocab"])} if model.get("type") == "Unigram" else model["vocab"]
        if self.random.random() < 0.4:
            spec["normalizer"] = self.sequence("normalizers", lambda: self.normalizer(precompiled), 0, 3)
        if self.random.random() < 0.5:
            spec["pre_tokenizer"] = self.sequence("pretokenizers", self.pre_tokenizer, 0, 3)
        if self.random.random() < 0.4:
            spec["decoder"] = self.sequence("decoders", self.decoder, 0, 3)
        if self.random.random() < 0.4:
            spec["post_processor"] = self.sequence("processors", lambda: self.post_processor(vocabulary), 1, 2)
        for token in spec["added_tokens"]:
            for key in ("single_word", "lstrip", "rstrip", "normalized", "special"):
                if self.random.random() < 0.15:
                    token[key] = not token[key]
        known = {token["content"] for token in spec["added_tokens"]}
        for content in self.random.sample(["the", "ab", "abc", "é", " x", "<new>", "A", "日", "  ", "'s"], 3):
            if self.flag() and content not in known:
                spec["added_tokens"].append({"id": 0, "content": content} | {
                    key: self.flag() for key in ("single_word", "lstrip", "rstrip", "normalized", "special")})
        if model.get("type", "BPE") == "BPE":
            for key in ("fuse_unk", "byte_fallback", "ignore_merges"):
                if self.random.random() < 0.3:
                    model[key] = self.flag()
            if self.random.random() < 0.3:
                model["unk_token"] = self.random.choice(sorted(vocabulary)[:20] + [None])
            if self.random.random() < 0.3:
                for byte in range(256):
                    vocabulary.setdefault(f"<0x{byte:02X}>", len(vocabulary))
        if model.get("type") == "WordPiece" and self.random.random() < 0.3:
            model["max_input_chars_per_word"] = self.random.choice([0, 3, 10])
        if self.random.random() < 0.3:
            spec["truncation"] = {"direction": self.random.choice(["Left", "Right"]),
                                  "max_length": self.random.choice([0, 4, 5, 9, 20]),
                                  "strategy": self.random.choice(["LongestFirst", "OnlyFirst", "OnlySecond"]),
                                  "stride": self.random.choice([0, 1, 2, 3])}
        if self.random.random() < 0.3:
            spec["padding"] = {"strategy": self.random.choice(["BatchLongest", {"Fixed": 12}]),
                               "direction": self.random.choice(["Left", "Right"]),
                               "pad_to_multiple_of": self.random.choice([None, 0, 4]), "pad_id": 7, "pad_type_id": 2,
                               "pad_token": "[PAD]"}
        return spec

    def text(self, contents):
        pieces = []
        for _ in range(self.random.choice([0, 1, 1, 2, 3, 5, 8, 13, 30])):
            kind = self.random.random()
            if kind < 0.65:
                pieces.append(self.random.choice(SNIPPETS))
            elif kind < 0.85:
                pieces.append(self.random.choice(contents))
            elif kind < 0.92:
                pieces.append(chr(self.random.choice([self.random.randrange(0x20, 0x250), self.random.randrange(0x300, 0xD7FF),
                                                      self.random.randrange(0xE000, 0x20000)])))
            else:
                pieces.append(self.random.choice([" ", "\n", "a", "e\u0301"]) * self.random.randint(1, 12))
            if self.random.random() < 0.4:
                pieces.append(" ")
        return "".join(pieces)


def answer(tokenizer, spec, text, add_special_tokens):
    encode = lambda flag: tokenizer.encode(*(text if isinstance(text, list) else [text]), add_special_tokens=flag)
    encoding = encode(add_special_tokens)
    entry = {"ids": encoding.ids, "tokens": encoding.tokens, "offsets": encoding.offsets, "type_ids": encoding.type_ids,
             "attention_mask": encoding.attention_mask, "special_tokens_mask": encoding.special_tokens_mask,
             "overflowing": [window.ids for window in encoding.overflowing]}
    try:
        entry["other_ids"] = encode(not add_special_tokens).ids
    except BaseException:
        pass
    changed = {tokenizer.token_to_id(t["content"]) for t in spec["added_tokens"] if t["normalized"] and t["content"]
               and tokenizer.normalizer and tokenizer.normalizer.normalize_str(t["content"]) != t["content"]}
    if not changed & set(encoding.ids):
        entry["decoded"] = tokenizer.decode(encoding.ids)
        entry["decoded_with_special"] = tokenizer.decode(encoding.ids, skip_special_tokens=False)
    return entry


def write_case(folder, fuzzer, spec, contents, count):
    # Loading or encoding can panic where the reference has no answer; such variants and texts are left out.
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    seen = set()
    for token in spec["added_tokens"]:
        # Of tokens that normalize to the same, any can win; ones that normalize to nothing make the reference panic.
        if token["normalized"]:
            content = tokenizer.normalizer.normalize_str(token["content"]) if tokenizer.normalizer else token["content"]
            token["normalized"] = content != "" and content not in seen
            seen.add(content)
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    add_special_tokens = fuzzer.flag()
    texts, expected = [], []
    for _ in range(count):
        text = fuzzer.text(contents)
        if fuzzer.random.random() < 0.2:
            text = [text, fuzzer.text(contents)]
        try:
            entry = answer(tokenizer, spec, text, add_special_tokens)
        except BaseException as error:
            if "runcation" not in str(error) and "stride" not in str(error):
                continue
            entry = {"error": str(error)}
        texts.append(text)
        expected.append(entry)
    case = {"method": folder.parent.name, "kind": "tokenizer", "inputs": ["texts.json"], "outputs": ["expected.json"],
            "config": {"add_special_tokens": add_special_tokens, "pairs": True}}
    (folder / "tokenizer").mkdir(parents=True, exist_ok=True)
    for name, value in (("case", case), ("texts", texts), ("expected", expected), ("tokenizer/tokenizer", spec)):
        (folder / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tokenizers", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--variants", type=int, default=4)
    parser.add_argument("--texts", type=int, default=150)
    options = parser.parse_args()
    specs = {path.parents[2].name: json.loads(path.read_text()) for path in sorted(options.tokenizers.rglob("tokenizer.json"))}
    normalizers = [part for spec in specs.values() if spec.get("normalizer")
                   for part in spec["normalizer"].get("normalizers", [spec["normalizer"]])]
    precompiled = [part for part in normalizers if part["type"] == "Precompiled"]
    for name, spec in specs.items():
        vocabulary = spec["model"]["vocab"]
        tokens = [t[0] for t in vocabulary] if isinstance(vocabulary, list) else list(vocabulary)
        contents = [t["content"] for t in spec["added_tokens"]] * 4 + tokens[:400]
        for variant in range(options.variants):
            fuzzer = Fuzzer(f"{options.seed} {name} {variant}")
            changed = spec if variant == 0 else fuzzer.mutate(spec, fuzzer.random.choice(precompiled) if precompiled else None)
            try:
                write_case(options.out / name / str(variant), fuzzer, changed, contents, options.texts)
            except BaseException as error:
                print(f"{name}/{variant}: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
