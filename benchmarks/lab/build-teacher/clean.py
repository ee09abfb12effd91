"""Turns a novel as the corpus stores it into plain text with one paragraph a line.

The corpus mixes three layouts: one paragraph a line, hard-wrapped lines with blank lines between paragraphs, and
hard-wrapped lines with nothing between paragraphs. `paragraphs` tells them apart by line lengths and blank lines.
"""
import os
import re

HELD_OUT = ("Doyle_Hound_1902.txt", "Stevenson_Treasure_1883.txt")

_HEADING = re.compile(r"(chapter|book|volume|part)\b.{0,40}|[ivxlc]{1,7}\.?|\d{1,3}\.?", re.IGNORECASE)
_CLOSES = re.compile(r"[.!?:;\-][\"')\]]*$")


def _squeeze(line):
    return re.sub(r"\s+", " ", line).strip()


def paragraphs(text):
    """The paragraphs of a novel, in order, each without line breaks and with single spaces."""
    text = text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")
    lines = [_squeeze(line) for line in text.split("\n")]
    lengths = sorted(len(line) for line in lines if line)
    if not lengths:
        return []
    width = lengths[int(len(lengths) * 0.9)]
    blank = 1 - len(lengths) / len(lines)
    if width > 110:  # not wrapped: every line is a paragraph
        return [line for line in lines if line]
    out, block = [], []
    for line in lines + [""]:
        if not line:
            if block:
                out.append(" ".join(block))
            block = []
            continue
        block.append(line)
        # Where blank lines do not mark the paragraphs, a short line that closes a sentence ends one.
        if blank < 0.1 and len(line) < width - 12 and _CLOSES.search(line):
            out.append(" ".join(block))
            block = []
    return out


def is_heading(paragraph):
    return _HEADING.fullmatch(paragraph) is not None


def sections(text):
    """The novel cut at its chapter headings (which are dropped): a list of texts, one paragraph a line."""
    out, block = [], []
    for paragraph in paragraphs(text):
        if is_heading(paragraph):
            if block:
                out.append("\n".join(block))
            block = []
        else:
            block.append(paragraph)
    if block:
        out.append("\n".join(block))
    return [s for s in out if len(s) > 400]  # drops lists of contents


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read()


def training_names(folder):
    return [n for n in sorted(os.listdir(folder)) if n.endswith(".txt") and n not in HELD_OUT]
