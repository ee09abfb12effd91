/** Cases for tests of reports: toy suspects that were judged by the shipped pipeline, one for each thing that a report can say. */
import seedrandom from 'seedrandom'
import { countable } from '../../src/detect/countable.ts'
import { type Attribution, attribute } from '../../src/distill/attribution.ts'
import type { Observations } from '../../src/distill/observations.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import type { MasterKey } from '../../src/keys/master.ts'
import { createProfile, type Profile } from '../../src/keys/profile.ts'
import type { Plan, PlanOptions } from '../../src/plan/plan.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { masterFromSeed } from '../support/keys.ts'
import { language, marked, mixed, rowsCase, type ToyLaw, textCase, textsOf } from '../support/toy-models.ts'

const V = 64
const SUSPECT = 'model-x (2026-10)'

/** A case, ready for `renderReport`. */
export interface ReportCase {
  readonly plan: Plan
  readonly attribution: Attribution
}

export const master: MasterKey = masterFromSeed('report')
export const profile: Profile = createProfile(master, {
  ...{ scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2, vocabularySize: V },
  tokenizer: tokenizerDigest(['a', 'b']),
  layers: [
    { role: 'provider', label: 'acme', share: 32768 },
    { role: 'epoch', label: '2026-09', share: 16384 },
    { role: 'cohort', label: 'resellers', share: 16384 },
  ],
  created: '2026-11-24',
} as Parameters<typeof createProfile>[1])
export const keys: readonly MarkKey[] = deriveMarkKeys(master, profile)

/** A profile with one key, the usual case. */
export const single: Profile = createProfile(master, {
  ...{ scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2, vocabularySize: V },
  tokenizer: tokenizerDigest(['a', 'b']),
  layers: [{ role: 'provider', label: 'acme' }],
  created: '2026-11-24',
})
export const singleKey: MarkKey = deriveMarkKeys(master, single)[0]!

const provider = language('provider', { vocabularySize: V })
const innocent = language('innocent', { vocabularySize: V })
const learned = mixed(0.4, marked(provider, { profile: single, key: singleKey }), innocent)
const family = [{ keyId: singleKey.keyId }]

const texts = (seed: string, law: ToyLaw, count: number) =>
  textsOf(law, { count, length: 24, vocabularySize: V, random: seedrandom(seed) })
const publicTexts = (count: number) => texts('public', language('public', { vocabularySize: V }), count)
const instrument = countable(
  texts('marked', marked(provider, { profile: single, key: singleKey }), 12).map((ids) => ({
    ids,
    promptLength: 1,
  })),
  single,
)

function judged(
  { plan, observations }: { plan: Plan; observations: Observations },
  about: { candidates?: Parameters<typeof attribute>[0]['candidates']; checked?: boolean } = {},
): ReportCase {
  const { candidates = [{ profile: single, key: singleKey }], checked = true } = about
  const attribution = attribute({ plan, observations, candidates, ...(checked ? { instrument } : {}) })
  return { plan, attribution }
}

function answered(law: ToyLaw, options: Partial<PlanOptions> = {}, count = 40): Parameters<typeof judged>[0] {
  return textCase(
    law,
    { prompts: publicTexts(count), tokens: 40, random: seedrandom('answers') },
    {
      ...{
        vocabularySize: V,
        suspect: SUSPECT,
        origin: 'opening lines of public-domain novels',
        family,
        decoys: 1000,
      },
      ...options,
    },
  )
}

function compared(law: ToyLaw, options: Partial<PlanOptions> = {}, count = 24): Parameters<typeof judged>[0] {
  return rowsCase(
    law,
    { sequences: publicTexts(count), references: [provider] },
    {
      ...{
        vocabularySize: V,
        suspect: SUSPECT,
        origin: 'opening lines of public-domain novels',
        family,
        decoys: 1000,
      },
      ...options,
    },
  )
}

const process = { stopping: { rule: 'e-process' } } as const
const looks = { stopping: { rule: 'looks', first: 60, looks: 4 } } as const

export const thiefByProcess = (): ReportCase => judged(answered(learned, process))
export const innocentByProcess = (): ReportCase => judged(answered(innocent, process))
export const thiefByLooks = (): ReportCase => judged(compared(mixed(0.3, learned, innocent), looks))
export const innocentByLooks = (): ReportCase => judged(compared(innocent, looks))
export const thiefByText = (): ReportCase => judged(answered(learned))
export const innocentByText = (): ReportCase => judged(answered(innocent))
export const insufficient = (): ReportCase => judged(answered(learned, {}, 1))
export const exploratory = (): ReportCase =>
  judged(answered(learned, { family: [{ keyId: '0123456789abcdef' }] }), { checked: false })
/** Known marked text that is not: the tokenizer, say, was another one. */
export function mismatch(): ReportCase {
  const { plan, observations } = answered(innocent)
  const wrong = countable(
    texts('wrong', innocent, 12).map((ids) => ({ ids, promptLength: 1 })),
    single,
  )
  const candidates = [{ profile: single, key: singleKey }]
  return { plan, attribution: attribute({ plan, observations, candidates, instrument: wrong }) }
}
/** Several keys on one text. The plan names one more, which is not tried. */
export function severalKeys(options: Partial<PlanOptions> = process): ReportCase {
  const marker = createMarker(profile, keys)
  const law = mixed(
    0.6,
    (ids) => {
      const logits = provider(ids).map(Math.log)
      marker.mark(logits, ids)
      const weights = logits.map(Math.exp)
      const total = weights.reduce((a, b) => a + b, 0)
      return weights.map((weight) => weight / total)
    },
    innocent,
  )
  const named = keys.map(({ keyId }) => ({ keyId }))
  const candidates = keys.map((key) => ({ profile, key }))
  const { plan, observations } = answered(law, {
    family: [...named, { keyId: '0123456789abcdef' }],
    ...options,
  })
  return { plan, attribution: attribute({ plan, observations, candidates }) }
}
