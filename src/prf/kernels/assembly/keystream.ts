/** Blocks `from .. from + count - 1` of one key and nonce, 64 bytes each; `count` is rounded up to a multiple of 4, and so must the room be. */
import { fourBlocks, inOrder, setCounters, setKey, setNonce } from './chacha8'

export function keystream(out: usize, count: u32, key: usize, nonce: usize, from: u32, state: usize): void {
  setKey(state, key)
  setNonce(state, nonce)
  for (let i: u32 = 0; i < count; i += 4) {
    setCounters(state, from + i)
    fourBlocks(state, out)
    inOrder(out)
    out += 256
  }
}
