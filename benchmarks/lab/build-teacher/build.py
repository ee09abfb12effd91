"""Rebuilds the teacher: cleaning, byte-pair encoding, training, export, held-out perplexity. See README.md."""
import argparse
import hashlib
import json
import math
import os
import time

import numpy as np
import torch

import bpe
import clean
from gpt2 import GPT2

VOCABULARY, CONTEXT, WIDTH, LAYERS, HEADS = 2048, 256, 128, 4, 4
SEED = 20240229


def say(*words):
    print(f"[{time.strftime('%H:%M:%S')}]", *words, flush=True)


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.write("\n")


def training_stream(folder, encoder):
    """Every training novel as token ids, an end-of-text token before each chapter and after the last."""
    ids = []
    for name in clean.training_names(folder):
        for section in clean.sections(clean.read(folder, name)):
            ids.append(encoder.end_of_text)
            ids.extend(encoder.encode(section))
    ids.append(encoder.end_of_text)
    return torch.from_numpy(np.array(ids, dtype=np.int64))


def windows(stream, length, generator):
    """An endless walk over the stream in shuffled windows; each pass starts at another offset."""
    while True:
        offset = int(torch.randint(length, (1,), generator=generator))
        starts = torch.arange(offset, len(stream) - length - 1, length)
        for i in torch.randperm(len(starts), generator=generator):
            start = int(starts[i])
            yield stream[start:start + length + 1]


def train(model, stream, steps, batch_tokens, peak):
    generator = torch.Generator().manual_seed(SEED + 1)
    decay = [p for p in model.parameters() if p.dim() == 2]
    rest = [p for p in model.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}], betas=(0.9, 0.98), eps=1e-9)
    warmup, short = min(300, steps // 5), int(steps * 0.6)
    walks = {length: windows(stream, length, generator) for length in (CONTEXT // 2, CONTEXT)}
    began, mean = time.time(), None
    for step in range(steps):
        rate = peak * min((step + 1) / warmup, 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        # Half-length windows first (cheaper), at random positions so that every position is learned.
        length = CONTEXT // 2 if step < short else CONTEXT
        start = int(torch.randint(CONTEXT - length + 1, (1,), generator=generator))
        if torch.rand(1, generator=generator) < 0.5:
            start = 0
        batch = torch.stack([next(walks[length]) for _ in range(batch_tokens // length)])
        loss = model.loss(batch[:, :-1], batch[:, 1:], start)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if step % 100 == 0 or step == steps - 1:
            spent = time.time() - began
            say(f"step {step} of {steps}, loss {mean:.3f}, {(step + 1) * batch_tokens / spent:.0f} tokens/s")


def perplexity(model, ids):
    """Per-token perplexity with a sliding window: every token sees at least half a context before it."""
    half, total, count = CONTEXT // 2, 0.0, 0
    none = torch.zeros(1, HEADS, 0, WIDTH // HEADS)
    with torch.no_grad():
        for start in range(0, len(ids) - 1, half):
            row = ids[max(0, start - half):start + half + 1].unsqueeze(0)
            logits = model(row[:, :-1], torch.ones_like(row[:, :-1]), *[none] * (2 * LAYERS))[0]
            fresh = min(half, len(ids) - 1 - start)
            total += torch.nn.functional.cross_entropy(logits[0, -fresh:], row[0, -fresh:], reduction="sum").item()
            count += fresh
    return math.exp(total / count), count


def export(model, path):
    names = ["input_ids", "attention_mask"]
    axes = {"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "total"},
            "logits": {0: "batch", 1: "sequence"}}
    outputs = ["logits"]
    for i in range(LAYERS):
        for kind in ("key", "value"):
            names.append(f"past_key_values.{i}.{kind}")
            outputs.append(f"present.{i}.{kind}")
            axes[names[-1]] = {0: "batch", 2: "past"}
            axes[outputs[-1]] = {0: "batch", 2: "total"}
    past = [torch.zeros(2, HEADS, 3, WIDTH // HEADS) for _ in range(2 * LAYERS)]
    example = (torch.ones(2, 5, dtype=torch.int64), torch.ones(2, 8, dtype=torch.int64), *past)
    # Without constant folding the head keeps pointing at the embedding instead of holding a transposed copy.
    torch.onnx.export(model, example, path, opset_version=14, input_names=names, output_names=outputs,
                      dynamic_axes=axes, do_constant_folding=False)


def configs(out):
    end = VOCABULARY - 1
    write_json(os.path.join(out, "config.json"), {
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "activation_function": "relu",
        "vocab_size": VOCABULARY, "n_positions": CONTEXT, "n_ctx": CONTEXT, "n_embd": WIDTH, "n_layer": LAYERS,
        "n_head": HEADS, "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True, "bos_token_id": end,
        "eos_token_id": end, "pad_token_id": end, "use_cache": True, "torch_dtype": "float32"})
    write_json(os.path.join(out, "generation_config.json"), {
        "bos_token_id": end, "eos_token_id": end, "pad_token_id": end})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--novels", required=True, help="folder of the corpus: Author_Title_Year.txt files")
    parser.add_argument("--out", required=True, help="folder for the model")
    parser.add_argument("--corpora", help="folder for the two held-out novels as plain text")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--peak", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(args.threads)
    os.makedirs(os.path.join(args.out, "onnx"), exist_ok=True)

    say("learning the merges")
    merges = bpe.train(("\n".join(clean.sections(clean.read(args.novels, n)))
                        for n in clean.training_names(args.novels)), VOCABULARY)
    encoder = bpe.Encoder(merges)
    write_json(os.path.join(args.out, "tokenizer.json"), bpe.tokenizer_json(merges))
    write_json(os.path.join(args.out, "tokenizer_config.json"), bpe.tokenizer_config_json(CONTEXT))
    configs(args.out)

    say("encoding")
    stream = training_stream(args.novels, encoder)
    held_out = {}
    for name in clean.HELD_OUT:
        text = "\n".join(clean.paragraphs(clean.read(args.novels, name))) + "\n"
        held_out[name] = torch.tensor([encoder.end_of_text, *encoder.encode(text)])
        if args.corpora:
            os.makedirs(args.corpora, exist_ok=True)
            with open(os.path.join(args.corpora, name), "w", encoding="utf-8", newline="\n") as file:
                file.write(text)

    model = GPT2(VOCABULARY, CONTEXT, WIDTH, LAYERS, HEADS)
    parameters = sum(p.numel() for p in model.parameters())
    say(f"{len(stream)} training tokens, {parameters} parameters")
    train(model, stream, args.steps, args.batch_tokens, args.peak)
    model.eval()
    for name, ids in held_out.items():
        value, count = perplexity(model, ids)
        say(f"held-out perplexity of {name}: {value:.2f} per token, {count} tokens")
    path = os.path.join(args.out, "onnx", "decoder_model_merged.onnx")
    export(model, path)
    with open(path, "rb") as file:
        data = file.read()
    say(f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
