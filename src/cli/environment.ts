/**
 * What a command line has of the world around it, as one argument: words, streams, clock, randomness. Commands take everything from here,
 * so that tests run them in their own process, and nothing below `main.ts` reads a clock or draws a number by itself
 * (but for signing keys, which node:crypto makes).
 */

/** Where text goes. */
export interface Sink {
  write(text: string): void
  /** True where a person looks at a terminal. */
  readonly isTTY: boolean
  /** Characters of a line, where it is known. */
  readonly columns?: number | undefined
}

/** The world as a command sees it. */
export interface Environment {
  /** Words behind the program's name. */
  readonly args: readonly string[]
  /** Folder that relative paths start from. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Standard input; read only where a command was given "-". */
  readonly stdin: AsyncIterable<Uint8Array | string>
  readonly stdout: Sink
  readonly stderr: Sink
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly now: () => number
  /** Bytes from the operating system's generator. */
  readonly random: (length: number) => Uint8Array
  /** Aborted at the first Ctrl-C: what is under way is finished, nothing new is begun. */
  readonly interrupted: AbortSignal
  /** How requests are sent. @defaultValue the runtime's own */
  readonly fetch?: typeof fetch
}
