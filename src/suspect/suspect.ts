/**
 * A suspect: a model that we can ask, and how. The same interface serves the model under test, the references and the
 * controls, because a reference is only a model that nobody suspects. A suspect never sees a key, and nothing here does.
 */
import type { TokenIds } from '../tokens.ts'

/** How to sample a completion. */
export interface CompletionOptions {
  /** Largest number of tokens a completion may have. */
  readonly maxTokens: number
  /** Uniform numbers in [0, 1): the only randomness a suspect that we run ourselves may use. */
  readonly random: () => number
  /** Called after each token with the tokens drawn so far and at most to be drawn, over all prompts. */
  readonly onProgress?: (done: number, total: number) => void
}

/** A model that can be asked. */
export interface Suspect {
  /** Name in tables and reports. */
  readonly name: string
  /** Number of token ids; rows have this length. */
  readonly vocabularySize: number
  /**
   * Samples one completion a prompt, at temperature 1 and without truncation.
   * @returns the new ids only, in the order of the prompts; a completion may end early at the end-of-text token, which it then holds.
   */
  complete(prompts: readonly TokenIds[], options: CompletionOptions): Promise<number[][]>
  /**
   * Next-token probabilities at every position, for suspects whose weights (or all logprobs) we have.
   * @returns for each sequence of n ids a Float32Array of n rows of `vocabularySize` probabilities: row i is the law of
   * what follows `ids[0..i]`.
   */
  rows?(sequences: readonly TokenIds[]): Promise<Float32Array[]>
}
