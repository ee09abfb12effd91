/** Public sub-path `dyetrace/attacks`. */
export { canonicalise } from '../text/canonicalise.ts'
export type { LookAlikeScript } from '../text/look-alikes.ts'
export { ATTACKS, type IdsAttack, type TextAttack } from './attacks.ts'
export { type AttackStep, applyAttacks, type ChainedIds, type ChainedText } from './chain.ts'
export {
  type ReplaceChunksOptions,
  replaceTokenChunks,
  replaceWordChunks,
  type ScrambleChunksOptions,
  scrambleTokenChunks,
  scrambleWordChunks,
} from './chunks.ts'
export { deleteTokens, deleteWords } from './delete.ts'
export {
  type DilutedIds,
  type DilutedText,
  type DiluteOptions,
  diluteTokens,
  diluteWords,
  type Passage,
} from './dilute.ts'
export { type HomoglyphOptions, homoglyphs } from './homoglyphs.ts'
export { insertTokens, insertWords } from './insert.ts'
export { lowercase } from './lowercase.ts'
export type { RateOptions, Seeded } from './options.ts'
export type {
  AttackedIds,
  AttackedText,
  AttackName,
  AttackParameter,
  AttackRecord,
  EditUnit,
} from './record.ts'
export { shuffleSentences } from './shuffle.ts'
export { substituteTokens, substituteWords } from './substitute.ts'
export { swapWords } from './swap.ts'
export { synonyms } from './synonyms.ts'
export { type TruncateOptions, truncateTokens, truncateWords } from './truncate.ts'
export { typos } from './typos.ts'
export type { NewTokensOptions, NewWordsOptions } from './vocabulary.ts'
export { zeroWidth } from './zero-width.ts'
