/**
 * What is wrong with a source's bytes, as opposed to a mistake of this program: the disk does not give them, or they do not unpack. What came before it counts; the
 * rest of the source is one skip, and this message is its reason.
 */
export class StreamFault extends Error {
  override readonly name = 'StreamFault'
}
