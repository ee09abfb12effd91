/**
 * The bundled model behind the protocol, with its real tokenizer: what comes through HTTP is what the model says when it is asked directly, as far as
 * text can carry it.
 */
import seedrandom from 'seedrandom'
import { afterAll, expect, test } from 'vitest'
import { loadTeacher } from '../../benchmarks/lab/teacher.ts'
import { openAiCompatibleSuspect } from '../../src/suspect/openai-compatible.ts'
import { retokenise } from '../../src/text/retokenise.ts'
import { startSuspectServer } from '../support/suspect-server.ts'

const { suspect, tokenizer: own, vocabularySize, endOfText } = await loadTeacher()
const tokenizer = {
  encode: (text: string): number[] => own.encode(text, null, { add_special_tokens: false }),
  decode: (ids: readonly number[]): string =>
    own.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
}
const server = await startSuspectServer({ suspect, tokenizer, endOfText })
afterAll(() => server.close())

const ask = { name: 'teacher', model: 'teacher', url: server.url, vocabularySize, tokenizer }
const prompts = ['The captain looked at', 'She had never seen', 'In the morning they'].map((text) =>
  tokenizer.encode(text),
)

test('answers as text: the ids that survive as text, with their lists', async () => {
  for (const api of ['completions', 'chat'] as const) {
    const served = openAiCompatibleSuspect({ ...ask, api, seed: 1, topK: 8 })
    for (const ids of prompts) {
      const { completion, positions, text, dropped, usage } = await served.ask({
        ids,
        maxTokens: 24,
        topK: 8,
      })
      const random = seedrandom(`server/1/false/${ids.join(' ')}`)
      const [direct] = await suspect.complete([ids], { maxTokens: 24, random })
      expect(text).toBe(tokenizer.decode(direct!))
      expect(completion).toEqual(retokenise(direct!, tokenizer).ids.slice(0, 24))
      expect(usage).toEqual({ prompt: ids.length, completion: direct!.length })
      // Lists of the model itself, wherever an id survived in its place.
      const [rows] = await suspect.rows([[...ids, ...direct!]])
      let compared = 0
      for (const [j, list] of positions!.entries()) {
        const isSame = completion.slice(0, j).every((id, i) => id === direct![i])
        if (list === null || !isSame) continue
        const row = rows!.subarray((ids.length + j - 1) * vocabularySize, (ids.length + j) * vocabularySize)
        for (const [id, logprob] of list) expect(logprob).toBeCloseTo(Math.log(row[id]!), 4)
        compared++
      }
      expect(compared).toBeGreaterThan(0)
      expect(dropped!.aligned).toBe(positions!.filter((list) => list !== null).length)
      // Pieces of characters are no text by themselves; hardly any other token is not one of ours.
      expect(dropped!.known / dropped!.candidates).toBeGreaterThan(0.9)
    }
  }
})

test('lists of texts: those of the rows', async () => {
  for (const sharesTokenizer of [true, false]) {
    const served = openAiCompatibleSuspect({ ...ask, api: 'completions', topK: 5, sharesTokenizer })
    const all = await served.lists!(prompts)
    const rows = await suspect.rows(prompts)
    for (const [p, ids] of prompts.entries()) {
      expect(all[p]).toHaveLength(ids.length - 1)
      for (const [i, list] of all[p]!.entries()) {
        const row = Array.from(rows[p]!.subarray(i * vocabularySize, (i + 1) * vocabularySize))
        const top = [...row.keys()].sort((a, b) => row[b]! - row[a]!).slice(0, 5)
        const known = list!.map(([id]) => id)
        if (sharesTokenizer) expect(known).toEqual(top)
        else expect(top).toEqual(expect.arrayContaining(known))
        expect(known.length).toBeGreaterThan(2)
      }
    }
  }
})
