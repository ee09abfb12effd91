/**
 * How many documents of a corpus are marked: a sample of distinct documents, drawn by the digests of their ids and so blind to every key, is judged pair by pair, each pair in the
 * first of them that has it. Sums of different documents are then independent where nothing is marked, which the interval needs (src/stats/share.ts). In the whole corpus a common pair has long
 * been seen when most documents come; in a sample most pairs of a document are its own.
 */
import { countable, pairsOf } from '../detect/countable.ts'
import { gatherEvidence } from '../detect/evidence.ts'
import { markedShare } from '../stats/share.ts'
import type { ScoreSum } from '../stats/tail.ts'
import { createTupleSet } from '../tuple-set.ts'
import type { DonePart } from './distinct-documents.ts'
import type { Question } from './question.ts'
import type { ScanRecords } from './records.ts'
import type { ScannedShare, ScannedTest } from './scan-record.ts'
import type { SampledDocument } from './work.ts'
import { SAMPLE } from './work-off.ts'

/** Documents that are judged at most, and ids of them at most, whatever memory there is: pairs of all of them are in it, some 60 bytes an id. */
const MOST_SAMPLED = 10_000
const MOST_IDS = 2 ** 21
/** Tests for which a share is found: those that show most. */
const MOST_TESTS = 4

/** The shares of marked documents, one for each of the tests that show most; picked after looking, so their level is that of all tests together. */
export async function estimateShares(
  parts: readonly DonePart[],
  {
    question,
    records,
    tests,
  }: {
    readonly question: Question
    readonly records: ScanRecords
    readonly tests: readonly ScannedTest[]
  },
): Promise<readonly ScannedShare[]> {
  const documents = await sampled(parts, records)
  const asked = [...tests.keys()]
    .sort((a, b) => {
      const [p, q] = [tests[a]!.verdict.lnP, tests[b]!.verdict.lnP]
      return p === q ? a - b : p < q ? -1 : 1
    })
    .slice(0, MOST_TESTS)
    .sort((a, b) => a - b)
  const sums = new Map(asked.map((test) => [test, [] as ScoreSum[]]))
  const { minimumCounted, endOfText, padding } = question.options
  const options = {
    ...(endOfText === undefined ? {} : { endOfText }),
    ...(padding === undefined ? {} : { padding }),
  }
  for (const [r, { profile, contextWidth, identity }] of question.readings.entries()) {
    const own = asked.filter((test) => question.tests[test]!.reading === r)
    if (own.length === 0) continue
    const seen = createTupleSet(identity?.width ?? contextWidth + 1)
    for (const { ids, promptLength } of documents) {
      const document = { ids, ...(promptLength === undefined ? {} : { promptLength }) }
      const pairs = firstOf(pairsOf(countable([document], profile, options)), contextWidth, identity, seen)
      for (const test of own) {
        const { mark, lane } = question.tests[test]!
        const { scheme, key } = question.marks[mark]!
        const { n, sum } = gatherEvidence(pairs, { scheme, key, lane })
        sums.get(test)!.push({ n, sum })
      }
    }
  }
  return asked.map((test) => {
    const { law } = question.tests[test]!
    const {
      confidence,
      documents: judged,
      tooShort,
      share,
      interval,
      effect,
      guaranteed,
      anyDependence,
    } = markedShare(sums.get(test)!, {
      law,
      pairs: 'disjoint',
      minimumCounted,
      family: question.tests.length,
    })
    return {
      test,
      sampled: documents.length,
      documents: judged,
      tooShort,
      share: share ?? null,
      interval: interval ?? null,
      confidence,
      effect: effect ?? null,
      atLeast: Math.max(guaranteed?.documents ?? 0, anyDependence.documents),
    }
  })
}

/** Pairs that no document before had. */
function firstOf(
  pairs: Uint32Array,
  contextWidth: number,
  identity: Question['readings'][number]['identity'],
  seen: ReturnType<typeof createTupleSet>,
): Uint32Array {
  const stride = contextWidth + 1
  const own = new Uint32Array(pairs.length)
  let size = 0
  for (let at = 0; at < pairs.length; at += stride) {
    const pair = pairs.subarray(at, at + stride)
    if (!seen.add(identity ? identity.of(pair.subarray(0, contextWidth), pair[contextWidth]!) : pair))
      continue
    own.set(pair, size)
    size += stride
  }
  return own.slice(0, size)
}

/** The documents whose names are smallest, of those below the limit that every part has kept; by name. */
async function sampled(
  parts: readonly DonePart[],
  records: ScanRecords,
): Promise<readonly SampledDocument[]> {
  const below = parts.reduce((least, { account }) => Math.min(least, account.sampledBelow), 2 ** 32)
  let kept = new Map<string, SampledDocument>()
  let limit = below
  const shrink = (): void => {
    const ordered = [...kept.values()].sort((a, b) => (a.hash < b.hash ? -1 : 1))
    let [count, ids] = [0, 0]
    for (const one of ordered) {
      ids += one.ids.length
      if (count === MOST_SAMPLED || ids > MOST_IDS) break
      count++
    }
    if (count < ordered.length) limit = wordOf(ordered[count]!.hash)
    kept = new Map(ordered.filter(({ hash }) => wordOf(hash) < limit).map((one) => [one.hash, one]))
  }
  for (const { name, account } of parts) {
    for (const line of (await records.lines(`${name}${SAMPLE}`, account.sample)).split('\n')) {
      // Names stand first, so that most lines need not be read.
      if (line === '' || wordOf(line.slice(9)) >= limit) continue
      const document = JSON.parse(line) as SampledDocument
      kept.set(document.hash, document)
      if (kept.size > 2 * MOST_SAMPLED) shrink()
    }
  }
  shrink()
  return [...kept.values()]
}

function wordOf(hash: string): number {
  return Number.parseInt(hash.slice(0, 8), 16)
}
