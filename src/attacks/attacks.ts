/** All attacks by name, for command lines and tables: what they take, as JSON, and how they are called. */
import type { TokenIds } from '../tokens.ts'
import { replaceTokenChunks, replaceWordChunks, scrambleTokenChunks, scrambleWordChunks } from './chunks.ts'
import { deleteTokens, deleteWords } from './delete.ts'
import { diluteTokens, diluteWords } from './dilute.ts'
import { homoglyphs } from './homoglyphs.ts'
import { insertTokens, insertWords } from './insert.ts'
import { lowercase } from './lowercase.ts'
import type { Seeded } from './options.ts'
import type { AttackedIds, AttackedText, AttackName } from './record.ts'
import { shuffleSentences } from './shuffle.ts'
import { substituteTokens, substituteWords } from './substitute.ts'
import { swapWords } from './swap.ts'
import { synonyms } from './synonyms.ts'
import { truncateTokens, truncateWords } from './truncate.ts'
import { typos } from './typos.ts'
import { zeroWidth } from './zero-width.ts'

interface Described {
  /** What it does, in one line. */
  readonly summary: string
  /** Parameters by name, each with what it may be, as JSON; "(optional)" marks those that have a default. */
  readonly parameters: Readonly<Record<string, string>>
}

/** An attack on text. Its parameters are checked when it is called. */
export interface TextAttack extends Described {
  readonly level: 'text'
  apply(text: string, options: Seeded): AttackedText
}

/** An attack on token ids. Its parameters are checked when it is called. */
export interface IdsAttack extends Described {
  readonly level: 'ids'
  apply(ids: TokenIds, options: Seeded): AttackedIds
}

const rate = (of: string): string => `number in 0..1, the share of ${of}`
const vocabularySize = 'integer, 2 or more: new ids are drawn below it'
const words = 'array of words to draw from (optional)'
const keep = '"head", "tail" or "middle"'
const passages = 'integer, 1 or more: number of passages'
const share = 'number in 0..1: part of the document that the passages make'
const size = (of: string): string => `integer, 1 or more: ${of} a chunk`
const drop = 'number in 0..1: part of a chunk that is left out (optional)'

/**
 * Attacks by name.
 * @example
 * import { ATTACKS } from 'dyetrace/attacks'
 * ATTACKS.lowercase.level // 'text'
 * ATTACKS['delete-tokens'].summary // 'deletes tokens'
 */
export const ATTACKS: {
  readonly [Name in AttackName]: Name extends `${string}token${string}` ? IdsAttack : TextAttack
} = Object.freeze({
  'delete-tokens': ids('deletes tokens', { rate: rate('tokens') }, deleteTokens),
  'insert-tokens': ids('inserts random tokens', { rate: rate('tokens'), vocabularySize }, insertTokens),
  'substitute-tokens': ids(
    'replaces tokens by random others',
    { rate: rate('tokens'), vocabularySize },
    substituteTokens,
  ),
  'truncate-tokens': ids(
    'cuts off all but the beginning, the end or a stretch',
    { rate: rate('tokens'), keep },
    truncateTokens,
  ),
  'dilute-tokens': ids(
    'pastes passages into unmarked ids',
    { host: 'array of ids', passages, share, length: 'integer: tokens in the document (optional)' },
    diluteTokens,
  ),
  'replace-token-chunks': ids(
    'replaces chunks by stretches of other ids',
    { rate: rate('chunks'), size: size('tokens'), source: 'array of ids' },
    replaceTokenChunks,
  ),
  'scramble-token-chunks': ids(
    'leaves out tokens of chunks and reorders the rest',
    { rate: rate('chunks'), size: size('tokens'), drop },
    scrambleTokenChunks,
  ),
  'delete-words': text('deletes words', { rate: rate('words') }, deleteWords),
  'insert-words': text('inserts random words', { rate: rate('words'), words }, insertWords),
  'substitute-words': text(
    'replaces words by random others',
    { rate: rate('words'), words },
    substituteWords,
  ),
  'swap-words': text('swaps adjacent words', { rate: rate('disjoint pairs of words') }, swapWords),
  'truncate-words': text(
    'cuts off all but the beginning, the end or a stretch',
    { rate: rate('words'), keep },
    truncateWords,
  ),
  'dilute-words': text(
    'pastes passages into an unmarked text',
    { host: 'text', passages, share, length: 'integer: words in the document (optional)' },
    diluteWords,
  ),
  'replace-word-chunks': text(
    'replaces chunks by stretches of another text',
    { rate: rate('chunks'), size: size('words'), source: 'text' },
    replaceWordChunks,
  ),
  'scramble-word-chunks': text(
    'leaves out words of chunks and reorders the rest',
    { rate: rate('chunks'), size: size('words'), drop },
    scrambleWordChunks,
  ),
  'shuffle-sentences': text('moves sentences', { rate: rate('sentences') }, shuffleSentences),
  lowercase: text('takes capitals away', { rate: rate('words with a capital') }, lowercase),
  synonyms: text('replaces English words by synonyms', { rate: rate('words that have a synonym') }, synonyms),
  typos: text('makes typing errors', { rate: rate('letters a to z') }, typos),
  homoglyphs: text(
    'replaces Latin letters by Cyrillic and Greek look-alikes',
    {
      rate: rate('letters that have a look-alike'),
      script: '"cyrillic", "greek" or "both" (optional)',
    },
    homoglyphs,
  ),
  'zero-width': text('inserts characters of no width', { rate: rate('characters') }, zeroWidth),
})

// Attacks check their options themselves, whatever their static types: what comes here was JSON.
function text<Options extends Seeded>(
  summary: string,
  parameters: Record<string, string>,
  apply: (text: string, options: Options) => AttackedText,
): TextAttack {
  return described({ level: 'text', summary, parameters, apply: apply as TextAttack['apply'] })
}

function ids<Options extends Seeded>(
  summary: string,
  parameters: Record<string, string>,
  apply: (ids: TokenIds, options: Options) => AttackedIds,
): IdsAttack {
  return described({ level: 'ids', summary, parameters, apply: apply as IdsAttack['apply'] })
}

function described<A extends Described>(attack: A): A {
  return Object.freeze({ ...attack, parameters: Object.freeze(attack.parameters) })
}
