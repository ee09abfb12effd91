/**
 * Base64 as RFC 4648 section 4 has it, and only in its one spelling: padded, no white space, no stray last bits. A lenient reader would take many
 * texts for one signature.
 */

/** The bytes of a text. @throws RangeError for any other spelling than that of {@link toBase64}. */
export function fromBase64(text: unknown, { name }: { name: string }): Uint8Array {
  const refused = (): Error =>
    new RangeError(`"${name}" expected base64 in its canonical spelling, got something else`)
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw refused()
  const bytes = new Uint8Array(Buffer.from(text, 'base64'))
  if (toBase64(bytes) !== text) throw refused()
  return bytes
}

/** The text of bytes. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
