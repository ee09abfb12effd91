"""Byte-level byte-pair encoding in the manner of GPT-2: a deterministic trainer, an encoder and the JSON files."""
from collections import Counter, defaultdict

import regex

END_OF_TEXT = "<|endoftext|>"
SPLIT = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


def byte_letters():
    """GPT-2's table: every byte as one printable character."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, extra = {}, 0
    for byte in range(256):
        if byte in keep:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return table


LETTERS = byte_letters()


def to_letters(text):
    return "".join(LETTERS[b] for b in text.encode("utf-8"))


def train(texts, vocabulary):
    """Learns merges until `vocabulary` tokens exist (256 bytes, the merges, one end-of-text token).

    Most frequent pair first; ties go to the pair that sorts first, so the list depends on the texts alone.
    """
    counts = Counter()
    for text in texts:
        counts.update(SPLIT.findall(text))
    words = [(list(to_letters(w)), n) for w, n in sorted(counts.items())]
    pairs, where = Counter(), defaultdict(set)
    for index, (word, n) in enumerate(words):
        for pair in zip(word, word[1:]):
            pairs[pair] += n
            where[pair].add(index)
    merges = []
    while len(merges) < vocabulary - 257:
        best = min(pairs.items(), key=lambda item: (-item[1], item[0]))[0]
        merges.append(best)
        joined = best[0] + best[1]
        for index in sorted(where[best]):
            word, n = words[index]
            merged, i = [], 0
            while i < len(word):
                if i + 1 < len(word) and word[i] == best[0] and word[i + 1] == best[1]:
                    merged.append(joined)
                    i += 2
                else:
                    merged.append(word[i])
                    i += 1
            if len(merged) == len(word):
                continue
            for pair in zip(word, word[1:]):
                pairs[pair] -= n
                if pairs[pair] <= 0:
                    del pairs[pair]
            for pair in zip(merged, merged[1:]):
                pairs[pair] += n
                where[pair].add(index)
            words[index] = (merged, n)
        pairs.pop(best, None)
        where.pop(best, None)
    return merges


def vocabulary_of(merges):
    tokens = sorted(LETTERS.values()) + [a + b for a, b in merges] + [END_OF_TEXT]
    table = {token: index for index, token in enumerate(tokens)}
    if len(table) != len(tokens):
        raise ValueError("two merges spell the same token")
    return table


class Encoder:
    def __init__(self, merges):
        self.vocabulary = vocabulary_of(merges)
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        self.end_of_text = self.vocabulary[END_OF_TEXT]
        self.cache = {}

    def _word(self, word):
        parts = list(to_letters(word))
        while len(parts) > 1:
            rank, i = min((self.ranks.get(pair, 1 << 30), i) for i, pair in enumerate(zip(parts, parts[1:])))
            if rank == 1 << 30:
                break
            parts[i:i + 2] = [parts[i] + parts[i + 1]]
        return [self.vocabulary[p] for p in parts]

    def encode(self, text):
        ids = []
        for word in SPLIT.findall(text):
            known = self.cache.get(word)
            if known is None:
                known = self.cache[word] = self._word(word)
            ids.extend(known)
        return ids


def tokenizer_json(merges):
    table = vocabulary_of(merges)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{
            "id": table[END_OF_TEXT], "content": END_OF_TEXT, "single_word": False, "lstrip": False,
            "rstrip": False, "normalized": False, "special": True,
        }],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": {**byte_level, "trim_offsets": False},
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": False, "vocab": table, "merges": [f"{a} {b}" for a, b in merges],
        },
    }


def tokenizer_config_json(context):
    return {
        "tokenizer_class": "GPT2Tokenizer",
        "add_prefix_space": False,
        "add_bos_token": False,
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "unk_token": END_OF_TEXT,
        "pad_token": END_OF_TEXT,
        "padding_side": "left",
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
    }
