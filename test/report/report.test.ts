/**
 * Reports: each says what its record says and no more, whatever the names in it, and nothing in the input becomes markup. The snapshots double as
 * examples; charts are left out of them, their numbers are not.
 */

import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatVerdict, judgeCase } from '../../src/case/judge.ts'
import { PACKAGE } from '../../src/case/package.ts'
import { sealCase } from '../../src/case/seal.ts'
import { verifyCase } from '../../src/case/verify.ts'
import { canonicalJson } from '../../src/digest.ts'
import type { Attribution } from '../../src/distill/attribution.ts'
import type { Conclusion } from '../../src/distill/conclusion.ts'
import { familySize } from '../../src/distill/family-size.ts'
import { deriveLayerKey, deriveMarkKeyBytes, deriveRouteKey } from '../../src/keys/derive.ts'
import { masterKeyBytes } from '../../src/keys/master.ts'
import { type Plan, planDigest } from '../../src/plan/plan.ts'
import { renderReport } from '../../src/report/index.ts'
import { ATTRIBUTES, h, markupOf, TAGS } from '../../src/report/markup.ts'
import { figure, log10Up, oneIn } from '../../src/report/numbers.ts'
import { shown } from '../../src/report/shown.ts'
import { holm } from '../../src/stats/multiplicity.ts'
import { type ToyFolderOptions, toyFolder } from '../support/case-folders.ts'
import { formsShown } from '../support/keys.ts'
import * as cases from './cases.ts'
import { structureOf, vocabularyOf } from './structure.ts'

const thief = cases.thiefByLooks()
const innocent = cases.innocentByText()
const NAMED = {
  'thief-e-process': cases.thiefByProcess(),
  'thief-looks': thief,
  innocent,
  'innocent-e-process': cases.innocentByProcess(),
  insufficient: cases.insufficient(),
  'protocol-mismatch': cases.mismatch(),
  exploratory: cases.exploratory(),
  'several-keys': cases.severalKeys(),
}
const ABOUT = {
  name: 'model-x',
  date: '2026-11-25',
  counts: { answers: 40, completionTokens: 1600 },
  capabilities: { completions: true, logprobs: { asked: 20, got: 5 } },
  excerpts: [{ prompt: 0, text: 'It was <b>cold</b>.\n\u202ealso' }],
  checks: [{ name: 'answers', ok: true, said: 'the chain holds' }],
}
const answerOf = (json: string) => JSON.parse(json).answer

/** A copy of a case with other words, and the digests that go with them. */
function worded(
  { plan, attribution }: cases.ReportCase,
  words: { suspect: string; origin: string; label: string; note: string },
): cases.ReportCase {
  const { suspect, origin, label, note } = words
  const renamed = {
    ...plan,
    suspect,
    prompts: { ...plan.prompts, origin },
    references: plan.references.map(() => origin),
  } as Plan
  const digest = planDigest(renamed)
  const conclusions = attribution.conclusions.map((one) => ({
    ...one,
    ...{ suspect, label, plan: digest, notes: [note] },
    controls: { ...one.controls, references: one.controls.references.map(() => note) },
  }))
  return { plan: renamed, attribution: { ...attribution, suspect, plan: digest, conclusions } }
}

/** A record of other conclusions, each with one finding, corrected for the keys of them all. */
function repaid(attribution: Attribution, plan: Plan, list: readonly Conclusion[]): Attribution {
  const size = familySize(plan, list)
  const lnPs = list.map(({ findings }) => findings[0]!.verdict.lnP)
  const untried = new Array<number>(size - list.length).fill(0)
  const { lnAdjusted } = holm([...lnPs, ...untried], { alpha: plan.alpha })
  const conclusions = list.map((one, i): Conclusion => {
    const family = { size, method: 'holm', lnAdjustedP: lnAdjusted[i]! } as const
    const decision = family.lnAdjustedP <= Math.log(plan.alpha) ? 'evidence' : 'no-evidence'
    const finding = one.findings[0]!
    const findings = [{ ...finding, verdict: { ...finding.verdict, family, decision } as const }]
    return { ...one, findings, decision, family }
  })
  const hierarchy = attribution.hierarchy.map(({ role }) => {
    const own = [...conclusions.keys()].filter((i) => conclusions[i]!.role === role)
    return { role, tried: own.length, found: own.filter((i) => conclusions[i]!.decision === 'evidence') }
  })
  const narrowest = hierarchy.filter(({ found }) => found.length > 0).at(-1)?.role
  const { narrowest: _, ...rest } = attribution
  return {
    ...rest,
    ...{ family: { size, tried: list.length, method: 'holm' }, conclusions, hierarchy },
    ...(narrowest === undefined ? {} : { narrowest }),
  }
}

describe('what a report says', () => {
  test.each(Object.entries(NAMED))('%s, as an example', async (name, about) => {
    const { html } = renderReport({ ...about, ...ABOUT })
    const words = html
      .replace(/<style>[\s\S]*<\/style>/, '<style></style>')
      .replace(/<svg[\s\S]*?<\/svg>/g, '<svg></svg>')
      .replace(/sha256-[^&]+/, 'sha256-')
      .replace(/<(\/?)(p|h\d|li|dt|dd|tr|section|figure|header|footer|pre|table|ul|dl|div)\b/g, '\n<$1$2')
      .replace(/\n+/g, '\n')
      .replaceAll(PACKAGE.version, 'VERSION')
    await expect(words).toMatchFileSnapshot(`snapshots/${name}.html.txt`)
  })

  test('evidence is not said to be more, and no evidence is no clearance', () => {
    const found = renderReport({ ...thief, ...ABOUT })
    expect(answerOf(found.json)).toMatchObject({ decision: 'evidence', exploratory: false, word: 'Evidence' })
    expect(answerOf(found.json).sentence).toMatch(/^There is evidence that .* depends on the secret key /)
    expect(answerOf(found.json).notSaid.join(' ')).toMatch(/How marked text reached the suspect is not shown/)
    const cleared = answerOf(renderReport({ ...innocent, ...ABOUT }).json)
    expect(cleared.sentence).toMatch(/^No evidence was found .* This clears nobody\.$/)
    expect(cleared.notSaid.join(' ')).toMatch(/not a clearance.*would have found an effect of/)
    for (const about of Object.values(NAMED)) {
      const { html } = renderReport({ ...about, ...ABOUT })
      expect(html).not.toMatch(
        /stolen|\bstole\b|theft|thief|\bguilty\b|\bproof\b|\bproves\b|\bproven\b|copied from/i,
      )
    }
  })

  test('too little, and an instrument that failed, have no number and no picture of the suspect', () => {
    for (const about of [NAMED.insufficient, NAMED['protocol-mismatch']]) {
      const { html, json } = renderReport({ ...about, ...ABOUT })
      expect(answerOf(json)).not.toHaveProperty('number')
      expect(html).not.toContain('id="number"')
      expect(html).not.toContain('var(--suspect)"')
    }
    expect(answerOf(renderReport(NAMED.insufficient).json).sentence).toContain('Too little was observed')
    expect(answerOf(renderReport(NAMED['protocol-mismatch']).json).sentence).toContain('Nothing can be said')
  })

  test('an exploratory one says so before anything else', () => {
    const { html, json } = renderReport({ ...NAMED.exploratory, ...ABOUT })
    const answer = answerOf(json)
    expect(answer.word).toBe('Exploratory: a hint, not a result')
    expect(answer.sentence).toMatch(/^A hint, not a result\. It looks as if /)
    expect(answer.sentence).not.toContain('evidence')
    expect(answer.number.sentence).toContain('holds only if nothing that was left open')
    expect(answer.reasons).toEqual([expect.stringContaining('is not in the family that the plan names')])
    const screen = html.slice(html.indexOf('<header>'), html.indexOf('</header>'))
    expect(screen).toContain('Why this is a hint only')
  })

  test('of several keys the plain evidence is spoken of, not an exploratory one beside it', () => {
    const { plan, attribution } = NAMED['several-keys']
    const [first, ...rest] = attribution.conclusions
    const open = { ...first!, exploratory: { reasons: ['beside the plan'] } }
    const answer = answerOf(
      renderReport({ plan, attribution: { ...attribution, conclusions: [open, ...rest] } }).json,
    )
    expect(attribution.conclusions.filter(({ decision }) => decision === 'evidence').length).toBe(2)
    expect(answer).toMatchObject({ decision: 'evidence', exploratory: false, place: 1 })
    expect(answer.sentence).toContain(`secret key ${attribution.conclusions[1]!.keyId}`)
  })

  test('every key that was tried is there', () => {
    const { html } = renderReport(NAMED['several-keys'])
    const table = html.slice(html.indexOf('<section id="keys">'))
    for (const { keyId } of NAMED['several-keys'].attribution.conclusions) expect(table).toContain(keyId)
    expect(table).toContain('3 keys tried, 4 paid for: 1 key of the plan was not tried')
  })

  test('each chart has a title, a description, a caption and its numbers, at both widths', () => {
    const { html, json } = renderReport({ ...thief, ...ABOUT })
    const { charts } = JSON.parse(json)
    expect(charts.map(({ id }: { id: string }) => id)).toEqual([
      'path',
      'standing',
      'decoys',
      'rate',
      'tilt',
      'power',
    ])
    for (const { id, numbers, caption } of charts) {
      expect(numbers.rows.length).toBeGreaterThan(1)
      expect(caption.length).toBeGreaterThan(40)
      for (const width of ['wide', 'narrow']) {
        expect(html).toContain(`aria-labelledby="${id}-${width}-title ${id}-${width}-text"`)
        expect(html).toContain(`<title id="${id}-${width}-title">`)
        expect(html).toContain(`<desc id="${id}-${width}-text">`)
      }
    }
    const process = JSON.parse(renderReport(NAMED['thief-e-process']).json).charts
    expect(process[0]).toMatchObject({ id: 'path', title: 'How the evidence grew' })
  })

  test('the same input, the same bytes; from records or from files', () => {
    const { plan, attribution } = thief
    const again = renderReport({ plan, attribution, date: '2026-11-25' })
    expect(renderReport({ plan, attribution, date: '2026-11-25' })).toEqual(again)
    const files = { 'plan.json': canonicalJson(plan), 'verdict.json': canonicalJson(attribution) }
    const read = renderReport({ files, date: '2026-11-25' })
    expect(answerOf(read.json)).toEqual(answerOf(again.json))
    expect(read.html).toContain('File plan.json')
    expect(read.html).toContain(attribution.plan)
  })

  test('answers on file are counted, the first are shown, a line cut off is left out', () => {
    const line = (prompt: number, text: string) => JSON.stringify({ prompt, completion: [1, 2, 3], text })
    const log = `${line(0, 'one <i>')}\n${line(1, 'two')}\n{"prompt":2,"comple`
    const { html, json } = renderReport({ ...thief, files: { 'answers.jsonl': log } })
    expect(JSON.parse(json).counts).toMatchObject({ answers: 2, completionTokens: 6 })
    expect(html).toContain('one &lt;i&gt;')
  })
})

/** A conclusion that somebody has written into. */
interface Forged {
  decision: string
  findings: { verdict: { decision: string; log10P: number; alpha: number } }[]
  controls?: { instrument: { passed: boolean } }
  stopped: { rule: string }
  extra?: number
}

describe('what is refused', () => {
  const forged = (change: (one: Forged) => void) => {
    const attribution = structuredClone(innocent.attribution)
    change(attribution.conclusions[0] as unknown as Forged)
    return () => renderReport({ plan: innocent.plan, attribution })
  }

  test('a decision that its numbers do not carry', () => {
    expect(forged(() => {})).not.toThrow()
    expect(
      forged((one) => {
        one.decision = 'evidence'
      }),
    ).toThrow('expected what the numbers carry')
    expect(
      forged((one) => {
        one.decision = 'evidence'
        one.findings[0]!.verdict.decision = 'evidence'
      }),
    ).toThrow('expected what the numbers carry')
    expect(
      forged((one) => {
        one.findings[0]!.verdict.log10P = -30
      }),
    ).toThrow('of one p-value')
    expect(
      forged((one) => {
        one.findings[0]!.verdict.alpha = 0.9
      }),
    ).toThrow("plan's alpha")
    expect(
      forged((one) => {
        one.controls!.instrument.passed = false
      }),
    ).toThrow('protocol-mismatch')
  })

  test('another plan, fields missing or beside, and no input at all', () => {
    expect(() => renderReport({ plan: thief.plan, attribution: innocent.attribution })).toThrow(
      'attribution.plan',
    )
    expect(
      forged((one) => {
        one.stopped = { rule: 'whim' }
      }),
    ).toThrow('stopped.rule')
    expect(
      forged((one) => {
        one.extra = 1
      }),
    ).toThrow('extra')
    expect(
      forged((one) => {
        delete one.controls
      }),
    ).toThrow('controls')
    expect(() => renderReport({})).toThrow('plan.json')
    expect(() => renderReport({ ...thief, date: '<script>' })).toThrow('input.date')
    expect(() => renderReport({ ...thief, files: { 'case.json': '{"name":1,"name":2}' } })).toThrow(
      'case.json',
    )
  })
})

/** Any record, to write into. */
// biome-ignore lint/suspicious/noExplicitAny: what somebody writes into a file has any shape
type Loose = any

/** The case with something written into its record. */
function written({ plan, attribution }: cases.ReportCase, change: (record: Loose) => void): () => unknown {
  const record = structuredClone(attribution) as Loose
  change(record)
  return () => renderReport({ plan, attribution: record })
}

describe('verdicts that their numbers contradict are refused', () => {
  const { insufficient, exploratory, 'several-keys': several, 'thief-e-process': process } = NAMED

  test.each(Object.entries(NAMED))('%s stands as it is', (_, about) => {
    expect(written(about, () => {})).not.toThrow()
  })

  test.each<[string, cases.ReportCase, (record: Loose, one: Loose) => void, RegExp]>([
    ...(['thief-looks', 'thief-e-process'] as const).flatMap((name) =>
      ['no-evidence', 'insufficient'].map(
        (word): [string, cases.ReportCase, (record: Loose, one: Loose) => void, RegExp] => [
          `${word} beside a p-value below alpha: ${name}`,
          NAMED[name],
          (_, one) => {
            one.decision = word
            for (const { deciding, verdict } of one.findings) if (deciding) verdict.decision = word
          },
          /expected what the numbers carry, "evidence"/,
        ],
      ),
    ),
    [
      'a conclusion that is not that of its findings',
      thief,
      (_, one) => {
        one.decision = 'no-evidence'
      },
      /expected what the numbers carry, "evidence", got "no-evidence"/,
    ],
    [
      'too little where there was enough',
      innocent,
      (_, one) => {
        one.decision = 'insufficient'
        one.findings[0].verdict.decision = 'insufficient'
      },
      /expected what the numbers carry, "no-evidence"/,
    ],
    [
      'no evidence where there was too little',
      insufficient,
      (_, one) => {
        one.decision = 'no-evidence'
        one.findings[0].verdict.decision = 'no-evidence'
      },
      /expected what the numbers carry, "insufficient"/,
    ],
    [
      'another minimum',
      insufficient,
      (_, one) => {
        one.findings[0].verdict.minimumCounted = 1
      },
      /minimumCounted/,
    ],
    [
      'a mismatch where the instrument worked',
      innocent,
      (_, one) => {
        one.decision = 'protocol-mismatch'
      },
      /"protocol-mismatch" where the instrument check failed and nowhere else/,
    ],
    [
      'a look that was not paid for',
      thief,
      (_, one) => {
        for (const { verdict } of one.findings) verdict.family.lnAdjustedP = verdict.lnP
      },
      /corrected for 1 tests/,
    ],
    [
      'a p-value of no look',
      thief,
      (_, one) => {
        one.stopped.looks[one.stopped.look].lnP = -1
      },
      /expected ln p of look/,
    ],
    [
      'a p-value of no e-process',
      process,
      (_, one) => {
        one.stopped.lnMaxE += 1
      },
      /that of the e-process/,
    ],
    [
      'a family that is too small',
      several,
      (_, one) => {
        one.findings[0].verdict.family = { size: 1, method: 'none' }
      },
      /corrected for 4 tests/,
    ],
    [
      'a key that was tried and taken out',
      several,
      (record) => {
        record.conclusions.pop()
      },
      /4 keys paid for and 2 tried/,
    ],
    [
      'a conclusion twice',
      several,
      (record) => {
        record.conclusions.push(record.conclusions[0])
        record.family.tried += 1
      },
      /each key and lane once/,
    ],
    [
      'a summary by roles that is not that of the conclusions',
      several,
      (record) => {
        record.hierarchy[0].found = []
      },
      /attribution\.hierarchy/,
    ],
    [
      'exploratory, taken out: a key beside the plan',
      exploratory,
      (_, one) => {
        delete one.exploratory
      },
      /is not in the family that the plan names/,
    ],
    [
      'exploratory, taken out: prompts without an answer',
      innocent,
      (_, one) => {
        one.controls.prompts.answered -= 1
      },
      /39 of the 40 planned prompts were answered/,
    ],
    [
      'exploratory without a reason',
      innocent,
      (_, one) => {
        one.exploratory = { reasons: [] }
      },
      /reasons" expected at least one/,
    ],
    [
      'a decoy p-value whose look was not paid for',
      thief,
      (_, one) => {
        for (const { decoys } of one.findings) if (decoys) decoys.floor = 1 / (decoys.count + 1)
      },
      /p-value of 1000 decoys/,
    ],
  ])('%s', (_, about, change, message) => {
    expect(written(about, (record) => change(record, record.conclusions[0]))).toThrow(message)
  })

  test('exploratory, taken out: a plan without a family', () => {
    const { family: _, ...rest } = innocent.plan
    const plan = rest as Plan
    const record = structuredClone(innocent.attribution) as Loose
    record.plan = planDigest(plan)
    for (const one of record.conclusions) one.plan = record.plan
    expect(() => renderReport({ plan, attribution: record })).toThrow(/names no family of keys/)
    record.conclusions[0].exploratory = { reasons: ['the plan names no family of keys'] }
    expect(renderReport({ plan, attribution: record }).html).toContain('Why this is a hint only')
  })
})

describe('decoys beside a look that has to pay', () => {
  const captionOf = (about: cases.ReportCase) =>
    JSON.parse(renderReport(about).json).charts.find(({ id }: { id: string }) => id === 'decoys').caption

  test('those that agree as well are counted without the price', () => {
    expect(captionOf(thief)).toContain('None of them agrees with the suspect as well')
    const { plan, attribution } = thief
    for (const [higher, said] of [
      [1, '1 of them agrees'],
      [11, '11 of them agree '],
      [1000, /At least \d+ of them agree /],
    ] as const) {
      const record = structuredClone(attribution) as Loose
      for (const { decoys } of record.conclusions[0].findings)
        if (decoys) decoys.p = Math.min(1, decoys.floor * (higher + 1))
      expect(captionOf({ plan, attribution: record })).toMatch(said)
    }
  })
})

describe('made of a case folder', () => {
  const CLASSES = { plan: { classes: { frequent: 3 } } } as const
  const made = toyFolder({ prompts: 6, withCase: true, withInstrument: true })
  const { privateKey: signer } = generateKeyPairSync('ed25519')
  const lines = made.files['answers.jsonl']!
  made.files['verdict.json'] = formatVerdict(judgeCase(made.files, made.keys))
  const unsealed = { ...made.files }
  const sealed = { ...unsealed, 'evidence.json': sealCase(unsealed, { keys: made.keys, signer }) }
  const said = (html: string, id: string) =>
    html
      .slice(html.indexOf(`id="${id}"`))
      .split('</p>')[0]!
      .replace(/<\/?bdi>/g, '')

  // Records of the shipped pipeline must never be refused, whatever the plan.
  test.each<[string, ToyFolderOptions]>([
    ['top-k', { access: 'top-k', reference: 'base' }],
    ['rows, contrast', { access: 'rows', reference: 'base', plan: { statistic: 'contrast' } }],
    ['an innocent', { thief: false, plan: { minimumCounted: 8 } }],
    ['looks', { plan: { stopping: { rule: 'looks', first: 30, looks: 3 } } }],
    ['looks that were not reached', { plan: { stopping: { rule: 'looks', first: 1e6, looks: 3 } } }],
    ['e-process', { plan: { stopping: { rule: 'e-process', fresh: false } }, answered: 7 }],
    ['nothing answered', { answered: 0 }],
    ['answered in part', { answered: 3 }],
    ['marked prompts, counted', { markedDocuments: 4, plan: { counted: 1000 } }],
    ['gumbel', { scheme: 'gumbel' }],
    ['tournament', { scheme: 'tournament', thief: false }],
    ['classes', { ...CLASSES, withExposure: true }],
    ['classes, rows', { ...CLASSES, withExposure: true, access: 'rows', reference: 'base' }],
    [
      'layers with lanes',
      {
        layers: [
          { role: 'provider', label: 'p', share: 40000 },
          { role: 'cohort', label: 'c', share: 25536, lanes: 2 },
        ],
      },
    ],
  ])('%s: the record that the files give is shown', (_, options) => {
    const { files, keys } = toyFolder(options)
    files['verdict.json'] = formatVerdict(judgeCase(files, keys))
    const { decision } = answerOf(renderReport({ files }).json)
    expect(JSON.parse(files['verdict.json']).conclusions.map((one: Loose) => one.decision)).toContain(
      decision,
    )
  })

  test('says what it was made of, and whether that was verified', () => {
    const { checks } = verifyCase(sealed, made.keys)
    expect(said(renderReport({ files: sealed }).html, 'source')).toContain(
      'not verified here: run case verify',
    )
    expect(said(renderReport({ files: sealed, checks }).html, 'source')).toContain(
      'The verdict was computed again from the files and keys of the case when the page was made, and every check held',
    )
    const wrong = renderReport({ files: sealed, checks: [...checks, { name: 'x', ok: false, said: 'y' }] })
    expect(said(wrong.html, 'source')).toContain('something differs')
    expect(answerOf(wrong.json).cautions[0]).toContain('something differs')
    const bare = renderReport({ files: unsealed, checks: verifyCase(unsealed, made.keys).checks }).html
    expect(bare).toContain('not checked')
  })

  test('lists every file with its digest, and how to check them', () => {
    const { html } = renderReport({ files: sealed })
    for (const name of Object.keys(sealed)) expect(html).toContain(`File ${name}`)
    expect(html).toMatch(/sha256sum .*instrument\.jsonl/)
    const signed = ' --public-key SIGNER.pub'
    expect(html).toContain(`npx dyetrace@${PACKAGE.version} case verify . --key KEY_FILE${signed}`)
    expect(html).toContain(`node verify.mjs . KEY_FILE${signed}`)
    expect(html).toContain(`Made by dyetrace ${PACKAGE.version}`)
    expect(renderReport({ files: unsealed }).html).not.toContain('SIGNER.pub')
  })

  test('says where the suspect was asked, and when', () => {
    const dated = lines.split('\n').map((line, i) => {
      const at = { 1: '2026-11-24T10:00:00Z', 2: '2026-11-25T09:00:00Z', 3: '<b>' }[i]
      return at === undefined || line === '' ? line : JSON.stringify({ ...JSON.parse(line), at })
    })
    const about = JSON.parse(made.files['case.json']!)
    const suspect = {
      ...{ kind: 'openai-compatible', api: 'chat' },
      ...{ url: 'http://127.0.0.1:8000/v1/<b>', model: 'm"<i>' },
    }
    const files = {
      ...unsealed,
      'answers.jsonl': dated.join('\n'),
      'case.json': canonicalJson({ ...about, suspect }),
    }
    const { html } = renderReport({ files })
    const asked = said(html, 'asked')
    expect(asked).toContain(
      'http://127.0.0.1:8000/v1/&lt;b&gt;, model “m&quot;&lt;i&gt;”, by the chat interface',
    )
    expect(asked).toContain('answers from 2026-11-24T10:00:00Z to 2026-11-25T09:00:00Z')
    expect(html).toContain('Reached at')
  })

  test('refuses an evidence.json that is none, or seals another record', () => {
    for (const text of ['', '{}', 'sealed', `${sealed['evidence.json']} `])
      expect(() => renderReport({ files: { ...unsealed, 'evidence.json': text } })).toThrow(/evidence\.json/)
    const files = { 'evidence.json': sealed['evidence.json'] }
    expect(() => renderReport({ ...thief, files })).toThrow(/evidence of the record that is shown/)
  })
})

describe('hostile input', () => {
  const benign = { suspect: 'a', origin: 'b', label: 'c', note: 'd' }
  const page = (words: typeof benign, beside: string) =>
    renderReport({
      ...worded(thief, words),
      ...{
        name: beside,
        excerpts: [{ prompt: 0, text: beside }],
        capabilities: { [`k${beside}`]: beside, other: [beside] },
      },
      checks: [{ name: beside, ok: false, said: beside }],
    }).html
  const structure = structureOf(page(benign, 'e'))

  const HOSTILE = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onload='x",
    '</title></style></pre><iframe src="https://example.com">',
    '<!-- -->',
    ']]><svg onload=x>',
    '&lt;b&gt;&#x3c;u>',
    '10^41 url(https://example.com)',
    'javascript:alert(1)',
    '\u202Eevil\u2066\u200b\u0000\u001b[31m\ufeff',
    'e\u0301\u0301\u0301\u0301\u0301\u0301\u0301',
    '\ud800',
    '\ue000x\ue001 \ue001\ue000',
    '\u05e9\u05dc\u05d5\u05dd',
    '{{x}} `x` %s \\u003cb>',
  ]
  const words = fc.oneof(
    fc.constantFrom(...HOSTILE),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.tuple(fc.constantFrom(...HOSTILE), fc.string({ maxLength: 10 })).map(([a, b]) => b + a + b),
  )
  // A plan's names are one line of words; everything else may be anything.
  const line = words.map((text) => `x${text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu, '')}`)

  test('words change words: no element, attribute or address comes of them', () => {
    fc.assert(
      fc.property(line, line, words, words, (suspect, origin, label, beside) => {
        const html = page({ suspect, origin, label, note: beside }, beside)
        expect(structureOf(html)).toEqual(structure)
        expect(html).not.toMatch(/[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|(?![\n\t])\p{Cc}/u)
      }),
      { seed: 7, numRuns: 40 },
    )
  }, 60_000)

  test('the comparison notices a page that does not escape', () => {
    const html = page({ ...benign, label: HOSTILE[1]! }, 'e')
    expect(structureOf(html)).toEqual(structure)
    expect(structureOf(html.replaceAll('&lt;', '<').replaceAll('&gt;', '>'))).not.toEqual(structure)
  })

  test('elements and attributes are those of the lists, and none of them loads or runs', () => {
    const { tags, attributes } = vocabularyOf(renderReport({ ...thief, ...ABOUT }).html)
    expect([...tags].filter((tag) => !TAGS.has(tag))).toEqual([])
    expect([...attributes].filter((name) => !ATTRIBUTES.has(name) && name !== 'viewbox')).toEqual([])
    const active = /^(on|href|src|style|action|data|srcset|xlink)/
    expect([...attributes, ...ATTRIBUTES].filter((name) => active.test(name))).toEqual([])
    for (const tag of ['script', 'iframe', 'img', 'link', 'a', 'form', 'object', 'use', 'image'])
      expect(TAGS.has(tag)).toBe(false)
    expect(() => markupOf(h('script' as 'p'))).toThrow('element')
    expect(() => markupOf(h('p', { onclick: 'x' }))).toThrow('attribute')
    expect(() => markupOf(h('p', { fill: 'URL (x)' }))).toThrow('address')
  })

  test('ten megabytes are cut, and it is said', () => {
    const huge = '<b>\u202e'.repeat(2_500_000)
    const html = page({ suspect: `x${'<b>'.repeat(1e5)}`, origin: 'b', label: huge, note: huge }, huge)
    expect(html.length).toBeLessThan(400_000)
    expect(html).toContain('10,000,000 characters in all')
    expect(structureOf(html)).toEqual(structure)
  })

  test('below 400 kB with hundreds of keys as well', () => {
    const { plan, attribution } = NAMED['several-keys']
    const { conclusions } = attribution
    const many = Array.from({ length: 600 }, (_, i) => ({
      ...conclusions[i % 3]!,
      label: '<&>"\''.repeat(40),
      lane: i,
      exploratory: { reasons: ['beside the plan'] },
    }))
    const { html, json } = renderReport({ plan, attribution: repaid(attribution, plan, many), ...ABOUT })
    expect(html.length).toBeLessThan(400_000)
    expect(html).toContain('100 further keys in report.json')
    expect(JSON.parse(json).attribution.conclusions).toHaveLength(600)
  })

  test('no key is on the page or in the JSON, not even where a key file lies among the files', () => {
    const secret = masterKeyBytes(cases.master)
    const secrets = cases.keys.flatMap((key) => {
      const layer = deriveLayerKey(secret, key.label)
      return [secret, layer, deriveMarkKeyBytes(layer, key.format), deriveRouteKey(secret, key.format)]
    })
    const files = { 'key.json': JSON.stringify({ key: Buffer.from(secret).toString('hex') }) }
    const { html, json } = renderReport({ ...NAMED['several-keys'], ...ABOUT, files })
    // Coordinates are digits in rows; decimal forms of a key are looked for in the words.
    const said = html.replace(/<svg[\s\S]*?<\/svg>/g, '')
    for (const bytes of secrets) for (const text of [said, json]) expect(formsShown(text, bytes)).toEqual([])
    expect(formsShown(said + files['key.json'], secret)).toEqual(['hex'])
  })
})

describe('numbers and words', () => {
  test('odds and logarithms are rounded towards less', () => {
    expect([0, -0.001, Math.log10(0.523), -1, -1.95, -6, -6.04, -8.99, -41.2, -3000.5].map(oneIn)).toEqual([
      '100 in 100',
      '100 in 100',
      '53 in 100',
      'one in 10',
      'one in 89',
      'one in 1,000,000',
      'one in 1,000,000',
      'one in 970,000,000',
      'one in 1.5 × 10⁴¹',
      'one in 3.1 × 10³⁰⁰⁰',
    ])
    expect([0, -0.04, -6.01, -6.1, -300.96].map(log10Up)).toEqual(['0.0', '0.0', '−6.0', '−6.1', '−300.9'])
    fc.assert(
      fc.property(fc.double({ min: -14, max: -1, noNaN: true }), (log10P) => {
        const n = Number(oneIn(log10P).replace('one in ', '').replaceAll(',', ''))
        if (Number.isFinite(n)) expect(1 / n).toBeGreaterThanOrEqual(10 ** log10P * (1 - 1e-6))
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('figures', () => {
    expect([0, 1234567, 0.25, 1e-6, 12.345, -0.5, 2.5e-7, 1e21].map((x) => figure(x))).toEqual([
      ...['0', '1,234,567', '0.25', '10⁻⁶', '12.3', '−0.5', '2.5 × 10⁻⁷', '10²¹'],
    ])
  })

  test('a name is set apart from the sentence around it, and the JSON has the sentence', () => {
    const { html, json } = renderReport(innocent)
    expect(html).toContain('that “<bdi>model-x (2026-10)</bdi>” depends')
    expect(answerOf(json).sentence).toContain('that “model-x (2026-10)” depends')
    expect(html + json).not.toMatch(/\p{Co}/u)
  })

  test('what is not seen is shown', () => {
    expect(shown('a\u202eb\u0000\ud800\u{e0001}')).toBe('a⟨U+202E⟩b⟨U+0000⟩⟨U+D800⟩⟨U+E0001⟩')
    expect(shown('a\nb')).toBe('a⟨U+000A⟩b')
    expect(shown('a\nb', { lines: true })).toBe('a\nb')
    expect(shown('\u{1f600}'.repeat(5), { most: 3 })).toBe(
      `${'\u{1f600}'.repeat(3)} … (cut; 10 characters in all)`,
    )
    expect(shown('é العربية 中文')).toBe('é العربية 中文')
  })
})
