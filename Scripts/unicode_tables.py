"""Writes Sources/Tokenizers/Unicode/UnicodeTables.swift from the answers of Python's `tokenizers`.

`tokenizers` mixes Unicode tables of several versions (Rust's standard library, two regular expression engines, two
old crates). To equal it everywhere, and on every platform, the package carries what each of them answers instead of
asking the Swift library of the machine. Usage: pip install tokenizers==0.23.3; python Scripts/unicode_tables.py
"""
import base64
import pathlib
import unicodedata

from tokenizers import NormalizedString, PreTokenizedString, Regex, normalizers, pre_tokenizers

SCALARS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
CATEGORIES = "Cc Cf Cn Co Ll Lm Lo Lt Lu Mc Me Mn Nd Nl No Pc Pd Pe Pf Pi Po Ps Sc Sk Sm So Zl Zp Zs".split()
SCRIPTS = """Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki
Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian
Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan
Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi
Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi
Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki
Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean
Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian
Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki
Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur
Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan
Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Syloti_Nagri Syriac
Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto
Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square""".split()


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def zigzag(number):
    return varint(number * 2 if number >= 0 else -number * 2 - 1)


def runs(values):
    """[(first, count, value)] of the scalars whose value is true, by a dictionary code point -> value."""
    out = []
    for code in sorted(values):
        value = values[code]
        if out and out[-1][0] + out[-1][1] == code and out[-1][2] == value:
            out[-1][1] += 1
        else:
            out.append([code, 1, value])
    return out


def encode_set(members):
    out, last = b"", 0
    for first, count, _ in runs({code: 1 for code in members}):
        out += varint(first - last) + varint(count)
        last = first + count
    return out


def encode_map(values):
    out, last = b"", 0
    for first, count, value in runs(values):
        out += varint(first - last) + varint(count) + varint(value)
        last = first + count
    return out


def encode_mappings(mappings):
    """Code point -> scalars: gap, number of scalars, differences."""
    out, last = b"", 0
    for code in sorted(mappings):
        target = mappings[code]
        out += varint(code - last) + varint(len(target))
        before = code
        for scalar in target:
            out += zigzag(ord(scalar) - before)
            before = ord(scalar)
        last = code
    return out


def matched_by(pattern):
    """The code points that a pattern for one scalar matches (Oniguruma)."""
    split = pre_tokenizers.Split(Regex(f"(?:{pattern})+"), "removed", invert=True)
    members = set()
    for start in range(0, len(SCALARS), 1 << 16):
        for piece, _ in split.pre_tokenize_str("".join(SCALARS[start:start + (1 << 16)])):
            members.update(map(ord, piece))
    return members


def kept_alone(pre_tokenizer, scalar):
    return [piece for piece, _ in pre_tokenizer.pre_tokenize_str("a" + scalar + "a")]


def main():
    tables = {}
    # Line ends would hide from patterns with anchors; sets do not use any.
    tables["category"] = encode_map(
        {code: index for index, name in enumerate(CATEGORIES) if name != "Cn" for code in matched_by(rf"\p{{{name}}}")})
    tables["script"] = encode_map(
        {code: index for index, name in enumerate(SCRIPTS) for code in matched_by(rf"\p{{{name}}}")})
    for name, pattern in {"alphabetic": r"\p{Alphabetic}", "uppercase": r"\p{Uppercase}",
                          "lowercase": r"\p{Lowercase}", "whitespace": r"\s", "word": r"\w"}.items():
        tables[name] = encode_set(matched_by(pattern))

    split = pre_tokenizers.WhitespaceSplit()
    tables["rustWhitespace"] = encode_set(ord(c) for c in SCALARS if kept_alone(split, c) == ["a", "a"])
    split = pre_tokenizers.Digits(individual_digits=True)
    tables["rustNumeric"] = encode_set(ord(c) for c in SCALARS if len(kept_alone(split, c)) == 3)
    split = pre_tokenizers.Punctuation("removed")
    tables["punctuation"] = encode_set(ord(c) for c in SCALARS if kept_alone(split, c) == ["a", "a"])
    split = pre_tokenizers.Whitespace()
    tables["regexWord"] = encode_set(ord(c) for c in SCALARS if len(kept_alone(split, c)) == 1)

    clean = normalizers.BertNormalizer(True, False, False, False)
    tables["bertControl"] = encode_set(ord(c) for c in SCALARS if clean.normalize_str(c) == "")
    strip = normalizers.BertNormalizer(False, False, True, False)
    tables["bertMark"] = encode_set(ord(c) for c in SCALARS if strip.normalize_str(c) == "")
    strip = normalizers.StripAccents()
    tables["mark"] = encode_set(ord(c) for c in SCALARS if strip.normalize_str(c) == "")

    lower = normalizers.Lowercase()
    tables["lowerMapping"] = encode_mappings(
        {ord(c): mapped for c in SCALARS if (mapped := lower.normalize_str(c)) != c})

    # Oniguruma cannot be asked for its case folding; full folding has been stable for years.
    tables["caseFolding"] = encode_mappings({ord(c): c.casefold() for c in SCALARS if c.casefold() != c})

    nfd, nfc, nfkd = normalizers.NFD(), normalizers.NFC(), normalizers.NFKD()
    is_hangul = range(0xAC00, 0xD7A4)
    canonical = {ord(c): mapped for c in SCALARS
                 if ord(c) not in is_hangul and (mapped := nfd.normalize_str(c)) != c}
    tables["canonicalDecomposition"] = encode_mappings(canonical)
    tables["compatibilityDecomposition"] = encode_mappings(
        {ord(c): mapped for c in SCALARS
         if ord(c) not in is_hangul and (mapped := nfkd.normalize_str(c)) != canonical.get(ord(c), c)})
    # What a decomposition composes back to; its last scalar and the rest, composed, are the pair.
    pairs = {}
    for code, mapped in canonical.items():
        if len(mapped) > 1 and nfc.normalize_str(mapped) == chr(code):
            first = nfc.normalize_str(mapped[:-1])
            assert len(first) == 1, hex(code)
            pairs[code] = first + mapped[-1]
    tables["compositionPairs"] = encode_mappings(pairs)
    # Classes come from Python's data, for the marks whose reordering shows that the library knows them.
    classes = {}
    for c in SCALARS:
        number = unicodedata.combining(c)
        if number and len(nfd.normalize_str(c)) == 1:
            probe = c + "\u0316" if number > 220 else "\u0301" + c
            if number == 220 or number < 230:
                probe = "\u0301" + c
            if nfd.normalize_str(probe) != probe:
                classes[ord(c)] = number
    tables["combiningClass"] = encode_map(classes)

    # The script classes of `UnicodeScripts`: neighbours in code point order share a class or are split. What has no
    # class is lost where it stands alone.
    scripts = pre_tokenizers.UnicodeScripts()
    classed = [c for c in SCALARS if scripts.pre_tokenize_str(c)]
    classes, known = {}, []
    for piece, _ in scripts.pre_tokenize_str("".join(classed)):
        for index, other in enumerate(known):
            if len(scripts.pre_tokenize_str(other + piece[0])) == 1:
                break
        else:
            index = len(known)
            known.append(piece[0])
        for scalar in piece:
            classes[ord(scalar)] = index + 1
    tables["scriptClass"] = encode_map(classes)

    print({name: len(table) for name, table in tables.items()})
    write(tables)


def write(tables):
    lines = [
        "// Written by Scripts/unicode_tables.py from the answers of Python's tokenizers; do not edit.",
        "// Each table is base64 over variable-length integers; UnicodeTables+Reading.swift says how they are laid out.",
        "",
        "enum UnicodeTables {",
        "    static let categoryNames = [",
    ]
    names = [f'"{name}"' for name in CATEGORIES]
    lines += wrapped(names)
    lines += ["    ]", "    static let scriptNames = ["]
    lines += wrapped([f'"{name}"' for name in SCRIPTS])
    lines += ["    ]"]
    for name, table in tables.items():
        lines += [f"    static let {name}Table = \"\"\""]
        text = base64.b64encode(table).decode()
        lines += ["        " + text[i:i + 108] for i in range(0, len(text), 108)]
        lines += ['        """']
    lines += ["}", ""]
    path = pathlib.Path(__file__).parents[1] / "Sources/Tokenizers/Unicode/UnicodeTables.swift"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))


def wrapped(words):
    lines, line = [], "       "
    for word in words:
        if len(line) + len(word) + 2 > 118:
            lines.append(line)
            line = "       "
        line += f" {word},"
    return lines + [line]


if __name__ == "__main__":
    main()
