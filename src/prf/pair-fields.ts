/**
 * Field numbers of many pairs under one key: what `createFieldFunction` gives for each, by one loop. Neighbours with one context and block share it, so sorted
 * pairs cost a block each time one of the two changes. Pairs are `contextWidth` words of context and a token.
 */
import { chacha8Block } from './chacha8.ts'
import { BLOCK_BITS, type FieldFormat, writeNonce } from './fields.ts'
import { type Kernels, kernels } from './kernels/kernels.ts'
import { FEWEST_PAIRS, fieldsOfPlan, PLAN_PAIRS, planRoutes, wipePairs } from './kernels/pair-kernels.ts'

// Small calls are many: nothing is made for one.
const block = new Uint32Array(16)
const nonce = new Uint32Array(3)
const site: { key: Uint32Array; counter: number; nonce: Uint32Array } = {
  key: new Uint32Array(8),
  counter: 0,
  nonce,
}

/** Visits pairs in order with the block that holds their field; the block is overwritten from pair to pair. `visit` visits nothing itself. */
export function eachBlock(
  pairs: Uint32Array,
  { key, contextWidth, shift }: { key: Uint32Array; contextWidth: number; shift: number },
  visit: (block: Uint32Array, token: number, i: number) => void,
): void {
  site.key = key
  const stride = contextWidth + 1
  const count = pairs.length / stride
  for (let i = 0, at = 0; i < count; i++, at += stride) {
    const token = pairs[at + contextWidth]!
    // Shifts go by the count modulo 32.
    const counter = shift === 32 ? 0 : token >>> shift
    let isSame = i > 0 && counter === site.counter
    for (let j = at; isSame && j < at + contextWidth; j++) isSame = pairs[j] === pairs[j - stride]
    if (!isSame) {
      site.counter = counter
      writeNonce(nonce, pairs, contextWidth, at)
      chacha8Block(block, site)
    }
    visit(block, token, i)
  }
}

/**
 * Writes fields of each pair, in JavaScript.
 * @param out `read` words a pair. @param key 8 words. @param lane the first one that is read. @param read how many lanes from there on.
 */
export function writePairFields(
  out: Uint32Array,
  pairs: Uint32Array,
  { key, format, lane, read }: { key: Uint32Array; format: FieldFormat; lane: number; read: number },
): void {
  const { contextWidth, bits, lanes } = format
  const tokensPerBlock = BLOCK_BITS / (bits * lanes)
  const place = tokensPerBlock - 1
  const mask = 2 ** bits - 1
  eachBlock(pairs, { key, contextWidth, shift: Math.log2(tokensPerBlock) }, (block, token, i) => {
    let offset = ((token & place) * lanes + lane) * bits
    for (let at = i * read; at < (i + 1) * read; at++) {
      out[at] = (block[offset >>> 5]! >>> (offset & 31)) & mask
      offset += bits
    }
  })
}

/** Route value of each pair's context, 0..65535: what `routeValue` gives. */
export function routeValues(
  pairs: Uint32Array,
  { route, contextWidth }: { route: Uint32Array; contextWidth: number },
): Uint16Array {
  const stride = contextWidth + 1
  const values = new Uint16Array(pairs.length / stride)
  const usable = values.length < FEWEST_PAIRS ? undefined : kernels()
  if (usable) routesByKernels(usable, pairs, { values, route, contextWidth })
  else
    eachBlock(pairs, { key: route, contextWidth, shift: 32 }, (block, _token, i) => {
      values[i] = block[0]!
    })
  return values
}

function routesByKernels(
  usable: Kernels,
  pairs: Uint32Array,
  { values, route, contextWidth }: { values: Uint16Array; route: Uint32Array; contextWidth: number },
): void {
  const step = PLAN_PAIRS * (contextWidth + 1)
  try {
    let from = 0
    for (let at = 0; at < pairs.length; at += step) {
      const plan = planRoutes(usable, pairs.subarray(at, at + step), { contextWidth })
      const fields = fieldsOfPlan(usable, route, plan) / 4
      const { words } = usable
      // Written into 16 bits: of a word the low ones stay.
      for (let i = 0; i < plan.count; i++) values[from++] = words[fields + i]!
    }
  } finally {
    wipePairs(usable)
  }
}
