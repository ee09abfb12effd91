"""What other marks cost in their own surroundings: the algorithms of Hugging Face's and Google's processors and detectors, re-stated here from their published
descriptions (docs/engines.md) with the tensor operations that they use, on torch's CPU. One thread, like all else in the speed benchmark.

    python3 benchmarks/thirdparty/peers.py 32768 131072

Prints one JSON document: seconds a row or a token, least of several. Needs torch (Debian: python3-torch). No code was copied.
"""

import json
import sys
import time

import torch

torch.set_num_threads(1)
MULTIPLIER, INCREMENT = 6364136223846793005, 1
KEYS = torch.tensor([654, 400, 836, 123, 340, 443, 597, 160, 57, 29, 590, 639, 13, 715, 468, 990, 966, 226, 324, 585, 118, 504, 421, 521, 129, 669, 732, 225, 90, 960])
NGRAM = 5


def least(run, seconds=0.6):
    run(0)
    best, end, i = float("inf"), time.perf_counter() + seconds, 1
    while time.perf_counter() < end or i < 4:
        start = time.perf_counter()
        run(i)
        best = min(best, time.perf_counter() - start)
        i += 1
    return best


def green_ids(generator, token, vocabulary):
    generator.manual_seed((15485863 * token) % (2**64 - 1))
    return torch.randperm(vocabulary, generator=generator)[: int(vocabulary * 0.25)]


def kgw_row(vocabulary):
    generator, scores = torch.Generator(), torch.randn(1, vocabulary)

    def run(i):
        marked = scores.clone()
        marked[0, green_ids(generator, i % 1000 + 1, vocabulary)] += 2.0

    return least(run)


def kgw_token(vocabulary):
    """Detection computes the list of each window anew."""
    generator = torch.Generator()
    return least(lambda i: (green_ids(generator, i % 1000 + 1, vocabulary) == 17).any().item())


def accumulate(state, data):
    return (state + data) * MULTIPLIER + INCREMENT


def synthid_bits(contexts, tokens, table):
    """Hash of the context, of each token, of each key; the bit stands in a table of 65,536. contexts (n, 4), tokens (n, v) -> (n, v, 30)."""
    state = torch.ones(contexts.shape[0], dtype=torch.int64)
    for j in range(contexts.shape[1]):
        state = accumulate(state, contexts[:, j])
    state = accumulate(state[:, None], tokens)
    state = accumulate(state[:, :, None], KEYS[None, None, :])
    return table[state % table.shape[0]]


def synthid_row(vocabulary):
    table, scores, tokens = torch.randint(0, 2, (65536,)), torch.randn(1, vocabulary), torch.arange(vocabulary)[None, :]

    def run(i):
        bits = synthid_bits(torch.tensor([[i % 997, 1, 2, 3]]), tokens, table)
        probabilities = torch.softmax(scores, dim=1)
        for depth in range(bits.shape[2]):
            own = bits[:, :, depth]
            mass = (own * probabilities).sum(dim=1, keepdim=True)
            probabilities = probabilities * (1 + own - mass)
        torch.log(probabilities)

    return least(run)


def google_bits(state):
    """Twelve more rounds of the generator and bit 30 in place of a table."""
    for _ in range(12):
        state = accumulate(state, 1) >> 5
    return (state >> 30) % 2


def google_row(vocabulary):
    scores, tokens = torch.randn(1, vocabulary), torch.arange(vocabulary)[None, :]

    def run(i):
        state = torch.full((1,), 1614033703599872695, dtype=torch.int64)
        for token in (i % 997, 1, 2, 3):
            state = accumulate(state, token)
        bits = google_bits(accumulate(accumulate(state[:, None], tokens)[:, :, None], KEYS[None, None, :]))
        probabilities = torch.softmax(scores, dim=1)
        for depth in range(bits.shape[2]):
            own = bits[:, :, depth]
            mass = (own * probabilities).sum(dim=1, keepdim=True)
            probabilities = probabilities * (1 + own - mass)
        torch.log(probabilities)

    return least(run)


def synthid_token():
    table, count = torch.randint(0, 2, (65536,)), 4096
    contexts, tokens = torch.randint(0, 30000, (count, NGRAM - 1)), torch.randint(0, 30000, (count, 1))
    return least(lambda i: synthid_bits(contexts, tokens, table).sum().item()) / count


def main():
    rows = []
    for vocabulary in map(int, sys.argv[1:]):
        for name, run in (
            ("Hugging Face KGW marks a row", kgw_row),
            ("Hugging Face SynthID marks a row", synthid_row),
            ("Google's SynthID reference marks a row", google_row),
        ):
            rows.append({"name": name, "vocabularySize": vocabulary, "unit": "row", "seconds": run(vocabulary)})
        rows.append({"name": "Hugging Face KGW scores a token", "vocabularySize": vocabulary, "unit": "token", "seconds": kgw_token(vocabulary)})
    rows.append({"name": "Hugging Face SynthID scores a token", "unit": "token", "seconds": synthid_token()})
    json.dump({"torch": torch.__version__, "python": sys.version.split()[0], "rows": rows}, sys.stdout, indent=2)


main()
