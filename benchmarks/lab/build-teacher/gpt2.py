"""GPT-2 in a form that both trains and exports: pre-norm blocks, learned positions, tied embeddings."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Affine(nn.Module):
    """x W + b with W stored (inputs, outputs), as GPT-2 stores it: the export then needs no transposed copy."""

    def __init__(self, inputs, outputs, std):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * std)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        if self.training:  # one fused call
            flat = torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight)
            return flat.reshape(*x.shape[:-1], flat.shape[-1])
        return torch.matmul(x, self.weight) + self.bias


class Block(nn.Module):
    def __init__(self, width, heads, layers):
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Affine(width, 3 * width, 0.02)
        self.attn_out = Affine(width, width, 0.02 / math.sqrt(2 * layers))
        self.fc = Affine(width, 4 * width, 0.02)
        self.fc_out = Affine(4 * width, width, 0.02 / math.sqrt(2 * layers))

    def forward(self, x, bias, past_key=None, past_value=None):
        batch, length, width = x.shape
        split = lambda t: t.reshape(batch, length, self.heads, self.head_width).transpose(1, 2)
        query, key, value = (split(t) for t in self.attn(self.ln_1(x)).split(width, dim=2))
        if past_key is not None:
            key = torch.cat((past_key, key), dim=2)
            value = torch.cat((past_value, value), dim=2)
        scores = torch.matmul(query * (1 / math.sqrt(self.head_width)), key.transpose(2, 3)) + bias
        mixed = torch.matmul(F.softmax(scores, dim=-1), value)
        x = x + self.attn_out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.fc_out(F.relu(self.fc(self.ln_2(x)))), key, value


class GPT2(nn.Module):
    def __init__(self, vocabulary, context, width, layers, heads):
        super().__init__()
        self.context = context
        self.wte = nn.Parameter(torch.randn(vocabulary, width) * 0.02)
        self.wpe = nn.Parameter(torch.randn(context, width) * 0.01)
        self.blocks = nn.ModuleList(Block(width, heads, layers) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)

    def _head(self, x):
        return torch.matmul(self.ln_f(x), self.wte.t())

    def loss(self, ids, targets, start=0):
        """Mean cross-entropy of full windows (training); `start` is the position of the first token."""
        length = ids.shape[1]
        bias = torch.full((length, length), -1e9).triu(1)
        x = self.wte[ids] + self.wpe[start:start + length]
        for block in self.blocks:
            x, _, _ = block(x, bias)
        logits = self._head(x)
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))

    def forward(self, input_ids, attention_mask, *past):
        """The exported function. `past` is key, value of layer 0, key, value of layer 1, ...

        Positions count the ones of the mask (padding on the left is skipped) and stay within the context.
        """
        total, length = attention_mask.shape[1], input_ids.shape[1]
        positions = (torch.cumsum(attention_mask, dim=1) - 1).clamp(0, self.context - 1)[:, total - length:]
        columns = torch.arange(total).unsqueeze(0)
        rows = torch.arange(total)[total - length:].unsqueeze(1)
        visible = (columns <= rows).unsqueeze(0) & (attention_mask > 0).unsqueeze(1)
        bias = ((1.0 - visible.to(torch.float32)) * -1e9).unsqueeze(1)
        x = F.embedding(input_ids, self.wte) + F.embedding(positions, self.wpe)
        present = []
        for i, block in enumerate(self.blocks):
            x, key, value = block(x, bias, past[2 * i], past[2 * i + 1])
            present += [key, value]
        return (self._head(x), *present)
