/**
 * What came before burns: the rest of a document that a prompt was cut out of, and the windows of earlier calls of a sequential test. Innocents
 * that never met the key are accused where that is forgotten, and are not where it is kept. With planned looks the decoys pay as the key does.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { type Answer, textObservations } from '../../src/distill/observations.ts'
import { createSequentialTest } from '../../src/distill/sequential.ts'
import { testDistillation } from '../../src/distill/test-distillation.ts'
import { createPlan, type PlanOptions } from '../../src/plan/plan.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { profileWithKey } from '../support/keys.ts'
import { binomialBand } from '../support/tolerance.ts'

const V = 2000
const FALSE_ALARM = 1e-6
const FORMAT = { contextWidth: 1, vocabularySize: V }
const BURN = { ...FORMAT, windows: 'globally-first' } as const
const COMMON = { suspect: 'innocent', access: 'text', ...FORMAT, origin: 'stories' } as const

const owners = Array.from({ length: 20 }, (_, i) => {
  const { profile, key } = profileWithKey(`before ${i}`, { vocabularySize: V })
  return { profile, key }
})
type Owner = (typeof owners)[number]

/** The marked model gives each of 200 people a name: after the title, a name with a leaning to the key. */
function stories({ profile, key }: Owner): { title: number; name: number }[] {
  const scheme = schemeOf(profile, { lanes: 1 })
  const random = seedrandom(`stories ${key.keyId}`)
  return Array.from({ length: 200 }, (_, title) => {
    const names = Array.from({ length: 8 }, () => 1000 + Math.floor(random() * 500))
    const green = names.filter((name) => scheme.score(scheme.field(key, [title], name, 0)) === 1)
    return { title, name: green[0] ?? names[0]! }
  })
}

/** Later parts of the stories say the name only; whoever goes on knows by himself what title belongs to it. */
function continued(owner: Owner): { documents: number[][]; answers: Answer[] } {
  const told = stories(owner)
  const answers = told.map(({ title, name }, d) => ({
    prompt: [1500 + d, name, 1700, name],
    completion: [title, name],
  }))
  return { documents: told.map(({ title, name }, d) => [1900, title, name, ...answers[d]!.prompt]), answers }
}

const conclude = (
  { profile, key }: Owner,
  { documents, answers }: { documents: number[][]; answers: Answer[] },
  planned: readonly number[][] | undefined,
  given = documents,
) =>
  testDistillation({
    plan: createPlan({
      ...COMMON,
      prompts: answers.map(({ prompt }) => prompt),
      markedPrompts: true,
      ...(planned && { markedText: planned }),
      counted: 150,
      family: [{ keyId: key.keyId }],
    }),
    observations: textObservations(answers, { ...BURN, markedText: given }),
    profile,
    key,
  })

describe('prompts that were cut out of marked documents', () => {
  test('an innocent is not accused where the documents burn their windows first', () => {
    for (const owner of owners) {
      const cut = continued(owner)
      const { decision, exploratory } = conclude(owner, cut, cut.documents)
      expect(decision).not.toBe('evidence')
      expect(exploratory).toBeUndefined()
    }
  })

  test('caught: said to be whole texts', () => {
    const accused = owners.filter(
      (owner) => conclude(owner, continued(owner), [], []).decision === 'evidence',
    )
    expect(accused).toHaveLength(owners.length)
  })

  test('a plan that does not say what they were cut out of makes a hint and no result', () => {
    const [owner] = owners
    const { exploratory } = conclude(owner!, continued(owner!), undefined, [])
    expect(exploratory!.reasons.join()).toContain('cut out of')
  })

  test('other documents than planned are refused', () => {
    const [owner] = owners
    const cut = continued(owner!)
    expect(() => conclude(owner!, cut, cut.documents, cut.documents.slice(1))).toThrow(
      /"test.observations.markedText" expected the 200 documents of digest sha256:/,
    )
  })
})

describe('a sequential test that is given one answer after another', () => {
  const planOf = (answers: readonly Answer[], { key }: Owner, changes: Partial<PlanOptions> = {}) =>
    createPlan({
      ...COMMON,
      prompts: answers.map(({ prompt }) => prompt),
      stopping: { rule: 'e-process', fresh: true },
      family: [{ keyId: key.keyId }],
      ...changes,
    })

  test('stands where it would with all of them at once, however they are parted', () => {
    const [owner] = owners
    const ids = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.record({ prompt: ids, completion: ids }), fc.boolean()), {
          minLength: 1,
          maxLength: 8,
        }),
        (parts) => {
          const answers = parts.map(([answer]) => answer)
          const plan = planOf(answers, owner!)
          const whole = createSequentialTest({ plan, ...owner! }).add(textObservations(answers, BURN))
          const parted = createSequentialTest({ plan, ...owner! })
          let group: Answer[] = []
          for (const [answer, ends] of parts) {
            group.push(answer)
            if (!ends) continue
            parted.add(textObservations(group, BURN))
            group = []
          }
          const { counted, lnE } = parted.add(textObservations(group, BURN))
          expect({ counted, lnE }).toEqual({ counted: whole.counted, lnE: whole.lnE })
        },
      ),
      { seed: 1, numRuns: 200 },
    )
  })

  test('an innocent is not accused by prompts that are pieces of one marked text; caught: a test that forgets', () => {
    const outcomes = owners.map((owner) => {
      const answers = stories(owner).flatMap(({ title, name }): Answer[] => [
        { prompt: [1900, title, name], completion: [1950] },
        { prompt: [1500 + title, name, 1700, name], completion: [title, name] },
      ])
      const plan = planOf(answers, owner, { markedPrompts: true, markedText: [], minimumCounted: 1 })
      const sound = createSequentialTest({ plan, ...owner })
      const forgetful = createSequentialTest({ plan, ...owner })
      for (const answer of answers) sound.add(textObservations([answer], BURN))
      // The second parts alone: as if nothing of the first had been seen.
      forgetful.add(
        textObservations(
          answers.filter((_, i) => i % 2 === 1),
          BURN,
        ),
      )
      return [sound.state.decision, forgetful.state.decision]
    })
    expect(outcomes.filter(([sound]) => sound === 'evidence')).toEqual([])
    expect(outcomes.filter(([, forgetful]) => forgetful === 'evidence').length).toBeGreaterThan(10)
  })
})

describe('with planned looks', () => {
  const KEYS = 1200
  const random = seedrandom('looks')
  const token = () => Math.floor(random() * 500)
  const answers = Array.from({ length: 60 }, (_, i) => ({
    prompt: [i],
    completion: Array.from({ length: 20 }, token),
  }))
  const observations = textObservations(answers, FORMAT)
  const found = Array.from({ length: KEYS }, (_, i) => {
    const { profile, key } = profileWithKey(`looks ${i}`, { vocabularySize: V })
    const plan = createPlan({
      ...COMMON,
      prompts: answers.map(({ prompt }) => prompt),
      decoys: 49,
      stopping: { rule: 'looks', first: 40, looks: 5 },
      family: [{ keyId: key.keyId }],
    })
    const { findings, stopped } = testDistillation({ plan, observations, profile, key })
    const { look } = stopped as { look: number }
    return { p: findings[0]!.decoys!.p, price: (look + 1) * (look + 2) }
  })
  const rejected = (ps: readonly number[], level: number) => ps.filter((p) => p <= level).length

  test('the decoy p of the look that did best is a p-value; caught: without its price', () => {
    for (const level of [0.1, 0.2, 0.4]) {
      const { hi } = binomialBand(KEYS, level, FALSE_ALARM)
      const paid = found.map(({ p }) => p)
      expect(rejected(paid, level), String(level)).toBeLessThanOrEqual(hi)
    }
    // Where the price brought it to 1, what it was is not known, and it is not counted.
    const free = found.flatMap(({ p, price }) => (p < 1 ? [p / price] : []))
    const { hi } = binomialBand(KEYS, 0.04, FALSE_ALARM)
    expect(rejected(free, 0.04)).toBeGreaterThan(hi)
  })
})
