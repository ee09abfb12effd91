/**
 * Field numbers of many pairs (src/prf/pair-fields.ts). A plan says which blocks the pairs need and where in them a pair's field lies; it serves any number
 * of keys. Neighbours that share a block share it in the plan. Layout of a plan of `count` pairs:
 *   groups  64 bytes for each four blocks: their counters, then the three words of their nonces, four lanes each
 *   ends    a word a group: one after the last pair that lies in it
 *   places  two bytes a pair: (16 word + 4 lane of the group) << 5 | shift
 */
import { fourBlocks, setKey } from './chacha8'

/**
 * Makes a plan; returns the number of groups. Pairs are `width` words of context and a token. Token t lies in block `t >> blockShift`, its field
 * `(t & placeMask) << placeShift` and `offset` bits from the start.
 */
export function planPairs(
  pairs: usize,
  count: u32,
  width: u32,
  blockShift: u32,
  placeMask: u32,
  placeShift: u32,
  offset: u32,
  groups: usize,
  ends: usize,
  places: usize,
): u32 {
  let group: usize = groups - 64
  let end: usize = ends - 4
  let lane: usize = 3
  let counter: u32 = 0
  let n0: u32 = 0
  let n1: u32 = 0
  let n2: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    let c0: u32 = 0
    let c1: u32 = 0
    let c2: u32 = 0
    if (width > 0) c0 = load<u32>(pairs)
    if (width > 1) c1 = load<u32>(pairs, 4)
    if (width > 2) c2 = load<u32>(pairs, 8)
    if (width > 3) {
      const newest = load<u32>(pairs, 12)
      c0 |= newest << 24
      c1 |= (newest >> 8) << 24
      c2 |= (newest >> 16) << 24
    }
    pairs += <usize>width << 2
    const token = load<u32>(pairs)
    pairs += 4
    const block = <u32>((<u64>token) >> blockShift)
    if (i == 0 || ((block ^ counter) | (c0 ^ n0) | (c1 ^ n1) | (c2 ^ n2)) != 0) {
      lane = (lane + 1) & 3
      if (lane == 0) {
        group += 64
        end += 4
      }
      counter = block
      n0 = c0
      n1 = c1
      n2 = c2
      const at = group + (lane << 2)
      store<u32>(at, counter)
      store<u32>(at, n0, 16)
      store<u32>(at, n1, 32)
      store<u32>(at, n2, 48)
    }
    const place = ((token & placeMask) << placeShift) + offset
    store<u16>(places, (((((place >> 5) << 4) | (<u32>lane << 2)) << 5) | (place & 31)) as u16)
    places += 2
    store<u32>(end, i + 1)
  }
  if (count == 0) return 0
  // Lanes that are left compute the last block again.
  for (lane++; lane < 4; lane++) {
    const at = group + (lane << 2)
    store<u32>(at, counter)
    store<u32>(at, n0, 16)
    store<u32>(at, n1, 32)
    store<u32>(at, n2, 48)
  }
  return <u32>((group - groups) >> 6) + 1
}

/** Counters and nonces of a group into a state. */
// @ts-ignore: decorator
@inline
export function setGroup(state: usize, group: usize): void {
  v128.store(state, v128.load(group), 192)
  v128.store(state, v128.load(group, 16), 208)
  v128.store(state, v128.load(group, 32), 224)
  v128.store(state, v128.load(group, 48), 240)
}

/** Fields of planned pairs under one key, a word each; `mask` has the field's bits. */
export function pairFields(
  out: usize,
  key: usize,
  groups: usize,
  ends: usize,
  places: usize,
  count: u32,
  mask: u32,
  state: usize,
  blocks: usize,
): void {
  setKey(state, key)
  let i: u32 = 0
  for (let g: usize = 0; g < <usize>count; g++) {
    setGroup(state, groups + (g << 6))
    fourBlocks(state, blocks)
    for (const end = load<u32>(ends + (g << 2)); i < end; i++) {
      const place = <u32>load<u16>(places + (<usize>i << 1))
      store<u32>(out + (<usize>i << 2), (load<u32>(blocks + (place >> 5)) >> (place & 31)) & mask)
    }
  }
}

/** As {@link pairFields} for all lanes of a pair, one after the other; the plan's offset is 0. */
export function laneFields(
  out: usize,
  key: usize,
  groups: usize,
  ends: usize,
  places: usize,
  count: u32,
  bits: u32,
  lanes: u32,
  mask: u32,
  state: usize,
  blocks: usize,
): void {
  setKey(state, key)
  let i: u32 = 0
  for (let g: usize = 0; g < <usize>count; g++) {
    setGroup(state, groups + (g << 6))
    fourBlocks(state, blocks)
    for (const end = load<u32>(ends + (g << 2)); i < end; i++) {
      const place = <u32>load<u16>(places + (<usize>i << 1))
      const from = blocks + (place >> 5)
      const shift = place & 31
      for (let lane: u32 = 0; lane < lanes; lane++) {
        const at = shift + lane * bits
        store<u32>(out, (load<u32>(from + ((at >> 5) << 4)) >> (at & 31)) & mask)
        out += 4
      }
    }
  }
}
