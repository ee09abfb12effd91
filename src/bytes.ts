/** Bytes in and out of text: hexadecimal, UTF-8, little-endian words. Wire format rule: integers little-endian, strings UTF-8. */
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'

export { bytesToHex, concatBytes, hexToBytes, utf8ToBytes }

/** Reads bytes as little-endian 32-bit words. `bytes.length` must be a multiple of 4. */
export function littleEndianWords(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const words = new Uint32Array(bytes.length / 4)
  for (let i = 0; i < words.length; i++) words[i] = view.getUint32(4 * i, true)
  return words
}
