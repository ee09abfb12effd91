/**
 * Bytes -> lines, whatever the pieces in which they come. A line longer than the limit is counted and let go of as it passes, so that one row of many
 * gigabytes takes no more memory than any other. Lines end with a line feed, or with a carriage return before it; a carriage return alone ends nothing.
 */

/** One line without its end, or only the size of one that is too long. */
export interface Line {
  /** A view or a copy; undefined where the line has more bytes than are allowed. */
  readonly bytes: Uint8Array | undefined
  readonly size: number
  /** False for what stands behind the last line feed: perhaps only half of what should stand there. */
  readonly ended: boolean
}

/** Splits one stream. */
export interface LineSplitter {
  /** Lines that end in this piece. They may be views of it: use them before the piece is written over. */
  push(piece: Uint8Array): readonly Line[]
  /** What is left; nothing after a line feed. */
  end(): readonly Line[]
}

/** Makes a splitter for lines of at most so many bytes. */
export function createLineSplitter(maximumBytes: number): LineSplitter {
  let parts: Uint8Array[] = []
  let size = 0

  function keep(part: Uint8Array): void {
    size += part.length
    // One byte more than the limit: it may be a carriage return.
    if (size > maximumBytes + 1) parts = []
    else if (part.length > 0) parts.push(part)
  }

  function finish(ended: boolean): Line {
    const whole = size > maximumBytes + 1 ? undefined : joined(parts, size)
    const isReturn = ended && whole?.[size - 1] === RETURN
    const length = isReturn ? size - 1 : size
    const line = {
      bytes: length > maximumBytes ? undefined : whole?.subarray(0, length),
      size: length,
      ended,
    }
    parts = []
    size = 0
    return line
  }

  return {
    push(piece) {
      const lines: Line[] = []
      let start = 0
      for (;;) {
        const at = piece.indexOf(FEED, start)
        if (at < 0) break
        if (at === start && size === 0) lines.push(EMPTY)
        else {
          keep(piece.subarray(start, at))
          lines.push(finish(true))
        }
        start = at + 1
      }
      // A copy, which `slice` of a Buffer is not: the caller may write over the piece before the line's end comes.
      if (start < piece.length) keep(new Uint8Array(piece.subarray(start)))
      return lines
    },
    end: () => (size === 0 ? [] : [finish(false)]),
  }
}

const EMPTY: Line = Object.freeze({ bytes: new Uint8Array(0), size: 0, ended: true })
const FEED = 0x0a
const RETURN = 0x0d

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  if (parts.length === 1) return parts[0]!
  const whole = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
