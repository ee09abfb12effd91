/**
 * A toy world for tests over many keys: language models small enough to be one function each. A law says how probable each token
 * is next, given all ids so far; teachers, suspects and references are laws, made from each other by marking, mixing and copying.
 * Their answers come in the shape in which real suspects give them, so that what is tested is the shipped pipeline.
 */
import seedrandom from 'seedrandom'
import { type Observations, rowObservations, textObservations } from '../../src/distill/observations.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import type { Profile } from '../../src/keys/profile.ts'
import { drawFromWeights } from '../../src/logits.ts'
import { createPlan, type Plan, type PlanOptions } from '../../src/plan/plan.ts'

/** Probabilities of the next token after these ids, prompt included. Whoever asks must not write into it. */
export type ToyLaw = (ids: readonly number[]) => Float64Array

/**
 * A language: a law of its own after each window of `width` ids. Logits are normal numbers from the seed.
 * @param options spread: their standard deviation. At 1.5 the most probable of 64 tokens has about 0.2, at 0.5 about 0.05.
 */
export function language(
  seed: string,
  options: { vocabularySize: number; width?: number; spread?: number },
): ToyLaw {
  const { vocabularySize, width = 1, spread = 1.5 } = options
  const known = new Map<string, Float64Array>()
  return (ids) => {
    const window = ids.slice(ids.length - width).join(' ')
    let law = known.get(window)
    if (!law) {
      const random = seedrandom(`${seed}/${window}`)
      law = softmax(Float64Array.from({ length: vocabularySize }, () => spread * normal(random)))
      known.set(window, law)
    }
    return law
  }
}

/** The law with a mark on: what a provider samples from. */
export function marked(law: ToyLaw, { profile, key }: { profile: Profile; key: MarkKey }): ToyLaw {
  const marker = createMarker(profile, [key])
  return (ids) => {
    const logits = law(ids).map(Math.log)
    marker.mark(logits, ids)
    return softmax(logits)
  }
}

/** One law with its share, the other with the rest. */
export function mixed(share: number, law: ToyLaw, rest: ToyLaw): ToyLaw {
  return (ids) => {
    const other = rest(ids)
    return law(ids).map((p, v) => share * p + (1 - share) * other[v]!)
  }
}

/** The law at another temperature: flatter above 1, sharper below. */
export function tempered(law: ToyLaw, temperature: number): ToyLaw {
  return (ids) => softmax(law(ids).map((p) => Math.log(p) / temperature))
}

/** Nine times in ten goes on as the context did after its last id when that came last: copies its prompt, and itself. */
export function copier(law: ToyLaw): ToyLaw {
  return (ids) => {
    const before = ids.lastIndexOf(ids.at(-1)!, ids.length - 2)
    return before < 0 ? law(ids) : mixed(0.9, always(ids[before + 1]!, law), law)(ids)
  }
}

/** Nine times in ten says the next word of a phrase, over and over, whatever it is asked. */
export function repeater(law: ToyLaw, phrase: readonly number[]): ToyLaw {
  return (ids) => {
    const next = phrase[(phrase.indexOf(ids.at(-1)!) + 1) % phrase.length]!
    return mixed(0.9, always(next, law), law)(ids)
  }
}

function always(token: number, law: ToyLaw): ToyLaw {
  return (ids) => new Float64Array(law(ids).length).fill(1, token, token + 1)
}

/** Rows as a suspect gives them: for each sequence its length times the vocabulary. */
export function rowsOf(law: ToyLaw, sequences: readonly (readonly number[])[]): Float32Array[] {
  return sequences.map((ids) => {
    const laws = ids.map((_, i) => law(ids.slice(0, i + 1)))
    const rows = new Float32Array(laws.reduce((total, { length }) => total + length, 0))
    for (const [i, row] of laws.entries()) rows.set(row, i * row.length)
    return rows
  })
}

/** What a suspect samples after each prompt. */
export function completionsOf(
  law: ToyLaw,
  prompts: readonly (readonly number[])[],
  { tokens, random }: { tokens: number; random: () => number },
): number[][] {
  return prompts.map((prompt) => {
    const ids = [...prompt]
    for (let i = 0; i < tokens; i++) ids.push(drawFromWeights(law(ids), { total: 1, random }))
    return ids.slice(prompt.length)
  })
}

/** Texts of a law, each begun with an id drawn evenly. */
export function textsOf(
  law: ToyLaw,
  options: { count: number; length: number; vocabularySize: number; random: () => number },
): number[][] {
  const { count, length, vocabularySize, random } = options
  const starts = Array.from({ length: count }, () => [Math.floor(random() * vocabularySize)])
  const rest = completionsOf(law, starts, { tokens: length - 1, random })
  return starts.map((start, i) => [...start, ...rest[i]!])
}

/** A plan and what a suspect answered, ready to be judged. */
export interface ToyCase {
  readonly plan: Plan
  readonly observations: Observations
}

type ToyPlan = Pick<PlanOptions, 'vocabularySize'> & Partial<PlanOptions>

/** A suspect is put prompts and samples an answer to each. */
export function textCase(
  law: ToyLaw,
  asked: { prompts: readonly (readonly number[])[]; tokens: number; random: () => number },
  options: ToyPlan,
): ToyCase {
  const { prompts } = asked
  const completions = completionsOf(law, prompts, asked)
  const answers = prompts.map((prompt, i) => ({ prompt, completion: completions[i]! }))
  const plan = createPlan({ ...TOY_PLAN, access: 'text', prompts, ...options })
  return { plan, observations: textObservations(answers, formatOf(plan)) }
}

/** A suspect is put texts and says in each position how probable each token is; so do the references. */
export function rowsCase(
  law: ToyLaw,
  asked: { sequences: readonly (readonly number[])[]; references: readonly ToyLaw[] },
  options: ToyPlan,
): ToyCase {
  const { sequences } = asked
  const references = asked.references.map((_, k) => `reference ${k}`)
  const plan = createPlan({ ...TOY_PLAN, access: 'rows', prompts: sequences, references, ...options })
  const rows = asked.references.map((reference) => rowsOf(reference, sequences))
  const observations = rowObservations(sequences, rowsOf(law, sequences), {
    ...formatOf(plan),
    references: rows,
  })
  return { plan, observations }
}

const TOY_PLAN = { suspect: 'toy', origin: 'texts of a toy language', contextWidth: 1, decoys: 0 }

function formatOf({ contextWidth, vocabularySize }: Plan): { contextWidth: number; vocabularySize: number } {
  return { contextWidth, vocabularySize }
}

function softmax(logits: Float64Array): Float64Array {
  const weights = logits.map(Math.exp)
  const total = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / total)
}

/** A standard normal number (Box and Muller 1958). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
