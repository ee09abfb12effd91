/** Some of the planned prompts were answered: which ones is said, and what was passed over makes the conclusion exploratory. */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { textObservations } from '../../src/distill/observations.ts'
import { testDistillation } from '../../src/distill/test-distillation.ts'
import { createPlan } from '../../src/plan/plan.ts'
import { profileWithKey } from '../support/keys.ts'
import { completionsOf, language, textsOf } from '../support/toy-models.ts'

const V = 256
const { profile, key } = profileWithKey('asked', { vocabularySize: V })
const law = language('asked', { vocabularySize: V })
const random = seedrandom('asked')
const prompts = textsOf(law, { count: 6, length: 3, vocabularySize: V, random })
const completions = completionsOf(law, prompts, { tokens: 20, random })
const plan = createPlan({
  suspect: 'x',
  access: 'text',
  contextWidth: 1,
  vocabularySize: V,
  prompts,
  origin: 'toy texts',
  decoys: 0,
  stopping: { rule: 'e-process', fresh: false },
  family: [{ keyId: key.keyId }],
})

function conclusionOf(put: readonly number[], about: object) {
  const answers = put.map((i) => ({ prompt: prompts[i]!, completion: completions[i]! }))
  const observations = textObservations(answers, { contextWidth: 1, vocabularySize: V })
  return testDistillation({ plan, observations, profile, key, ...about })
}

test('the first ones are as planned', () => {
  const { exploratory, controls } = conclusionOf([0, 1, 2], { prompts, asked: [0, 1, 2] })
  expect(exploratory).toBeUndefined()
  expect(controls.prompts).toEqual({ planned: 6, answered: 3, marked: false })
})

test('what was passed over is a reason', () => {
  const { exploratory, controls } = conclusionOf([0, 2, 5], { prompts, asked: [0, 2, 5] })
  expect(exploratory!.reasons).toEqual(['3 of the first 6 planned prompts have no answer'])
  expect(controls.prompts.answered).toBe(3)
})

describe('refused', () => {
  test.each<[string, readonly number[], object, RegExp]>([
    ['others than were put', [0, 2], { prompts, asked: [0, 3] }, /expected the prompts at "test\.asked"/],
    ['another order', [2, 0], { prompts, asked: [2, 0] }, /"test\.asked\[1\]" expected an integer in 3\.\.5/],
    ['one twice', [1, 2], { prompts, asked: [1, 1] }, /"test\.asked\[1\]" expected an integer in 2\.\.5/],
    [
      'a prompt that is none',
      [0],
      { prompts, asked: [6] },
      /"test\.asked\[0\]" expected an integer in 0\.\.5/,
    ],
    ['without the prompts', [0, 2], { asked: [0, 2] }, /"test\.prompts" expected all prompts of the plan/],
    [
      'other prompts',
      [0, 2],
      { prompts: prompts.slice(1), asked: [0, 2] },
      /"test\.prompts" expected the prompts of the plan/,
    ],
    ['without places', [0, 2], { prompts }, /or the first of them/],
    ['no array', [0, 2], { prompts, asked: 2 }, /"test\.asked" expected an array/],
  ])('%s', (_, put, about, message) => {
    expect(() => conclusionOf(put, about)).toThrow(message)
  })
})
