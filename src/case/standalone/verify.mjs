/**
 * Checks a case by itself: one file, nothing but Node (20 or later), written from the documents (case-files, wire-format, statistics, evidence) and not
 * from the package, so that whoever distrusts the package can read what is computed here and compare.
 *
 *   node verify.mjs FOLDER KEYFILE... [--public-key FILE.pem]
 *
 * FOLDER     plan.json, prompts.jsonl, answers.jsonl, profile.json, verdict.json; evidence.json where the case is sealed.
 * KEYFILE    a mark key that was revealed (JWK); every key that the verdict tried. Nothing of a key is printed.
 * --public-key  the signer's Ed25519 key (PEM), known from elsewhere. Without it the key named in the evidence is used, which vouches for nobody.
 *
 * Exit code: 0 all that is computed here agrees with the verdict. 4 something differs, and a line NOT says what. 3 it could not be computed: a file is
 * missing or is no JSON, or the plan asks for what is beyond this file. 2 wrong usage. 1 is never meant.
 *
 * What is computed: 1. digests, the chain of answers, the envelope's signature. 2. that each key opens its commitment. 3. which positions are counted.
 * 4. fields by ChaCha8, scores, their exact tail, decoys by HKDF. 5. Holm's correction and the decision. For the marks green-list, gumbel and
 * tournament; access text, top-k and rows; the statistic "count"; stopping "fixed" and "looks"; marked prompts too.
 * What is not: the contrast statistic (references), classes, e-processes, e-values, intervals, effect sizes, strength and power, and the sentences. Where the
 * contrast decides, count is compared all the same, and the exit code is 3.
 */
import { createHash, createPublicKey, hkdfSync, verify as verifySignature } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** Thrown where something cannot be computed: exit code 3. */
class CannotError extends Error {}
const cannot = (why) => {
  throw new CannotError(why)
}
const print = (line) => process.stdout.write(`${line}\n`)
let differs = 0
const report = (ok, name, said) => {
  if (!ok) differs++
  print(`${ok ? 'ok ' : 'NOT'} ${name}: ${said}`)
}
const isSame = (name, expected, got) => {
  const ok = expected === got
  report(ok, name, ok ? shown(got) : `expected ${shown(expected)}, got ${shown(got)}`)
}
/** Printable and short: evidence may hold anything. */
const shown = (value) => (JSON.stringify(value) ?? 'nothing').replace(/[^\x20-\x7e]/g, '?').slice(0, 100)
/** Logarithms of tails: two ways of computing them agree to about 1e-9. */
const isNear = (name, expected, got) => {
  const near = Number.isFinite(got) && Math.abs(expected - got) <= 1e-7 * Math.max(1, Math.abs(expected))
  report(near || expected === got, name, near ? String(got) : `expected ${expected}, got ${shown(got)}`)
}
const sha256 = (bytes) => createHash('sha256').update(bytes).digest()
const hexOf = (bytes) => sha256(bytes).toString('hex')
const digestOf = (bytes) => `sha256:${hexOf(bytes)}`
const nameOf = ({ keyId, lane }) => `${keyId}/${lane}`

/** Canonical JSON (RFC 8785): names sorted by UTF-16 code units, no white space, numbers as ECMAScript prints them. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const names = Object.keys(value).sort()
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`
}

function isJson(text) {
  try {
    return JSON.parse(text) !== undefined
  } catch {
    return false
  }
}

/** JSON in which no object has a name twice: readers differ in which one they take. */
function parse(text, name) {
  if (!isJson(text)) cannot(`${name} is no JSON`)
  // Strings are taken out one by one; what follows one tells a name from a value.
  const open = []
  for (const [token, after] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (after !== undefined) {
      const member = JSON.parse(token.slice(0, token.length - after.length))
      if (open.at(-1).has(member)) cannot(`${name} has a member twice`)
      open.at(-1).add(member)
    }
  }
  return JSON.parse(text)
}

/** The lines of a JSONL file, of these fields. `torn`: a last line that was cut off is left out; otherwise it is an error. */
function readLines(text, name, { fields = 'ids', torn = false } = {}) {
  const lines = text.split('\n')
  const rest = lines.pop()
  if (rest !== '') {
    if (isJson(rest)) lines.push(rest)
    else if (!torn) cannot(`${name} line ${lines.length + 1} was cut off`)
  }
  return lines.map((line, i) => {
    const value = parse(line, `${name} line ${i + 1}`)
    const others = Object.keys(value).filter((field) => !fields.split(' ').includes(field))
    if (others.length > 0) report(false, `${name} line ${i + 1}`, `has other fields: ${shown(others)}`)
    return { line, value }
  })
}

/** One block of ChaCha with 8 rounds (RFC 8439, section 2.3): 16 words from 8 words of key, a counter and 3 words of nonce. */
function chacha8(key, counter, nonce) {
  const start = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, ...key, counter, ...nonce]
  const x = Uint32Array.from(start)
  const quarter = (a, b, c, d) => {
    const turn = (to, from, by, bits) => {
      x[to] += x[from]
      const mixed = x[by] ^ x[to]
      x[by] = (mixed << bits) | (mixed >>> (32 - bits))
    }
    turn(a, b, d, 16)
    turn(c, d, b, 12)
    turn(a, b, d, 8)
    turn(c, d, b, 7)
  }
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 4; i++) quarter(i, 4 + i, 8 + i, 12 + i)
    for (let i = 0; i < 4; i++) quarter(i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4))
  }
  return x.map((word, i) => word + start[i])
}
const wordsOf = (bytes) => Array.from({ length: 8 }, (_, i) => bytes.readUInt32LE(4 * i))

/** The context as nonce: an id a word; of four 24-bit ids the newest is split over the high bytes of the others. */
function nonceOf(context) {
  if (context.length < 4) return [0, 1, 2].map((j) => context[j] ?? 0)
  return [0, 1, 2].map((j) => (context[j] | (((context[3] >>> (8 * j)) & 255) << 24)) >>> 0)
}

/** Field number of (key, context, token, lane): `bits` bits of the block that holds it. Of pairs in order the last block serves the next. */
function fieldReader(keyWords, { bits, lanes }) {
  const perBlock = 512 / (bits * lanes)
  let [known, block] = ['', undefined]
  return (context, token, lane) => {
    const counter = Math.floor(token / perBlock)
    const name = `${context} ${counter}`
    if (name !== known) [known, block] = [name, chacha8(keyWords, counter, nonceOf(context))]
    const offset = ((token % perBlock) * lanes + lane) * bits
    return bits === 32 ? block[offset >>> 5] : (block[offset >>> 5] >>> (offset & 31)) & (2 ** bits - 1)
  }
}

/** ln x by additions, products and quotients only, as the wire format asks: built-in logarithms differ between machines. */
function ln(x) {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, x)
  let exponent = (view.getUint32(0) >>> 20) - 1022
  view.setUint32(0, (view.getUint32(0) & 0x000fffff) | 0x3fe00000)
  let m = view.getFloat64(0)
  if (m < Math.SQRT1_2) [m, exponent] = [2 * m, exponent - 1]
  const f = m - 1
  const s = f / (2 + f)
  let series = 0
  for (let k = 11; k >= 1; k--) series = (series + 2 / (2 * k + 1)) * (s * s)
  return exponent * 0.6931471803691238 + (exponent * 1.9082149292705877e-10 + (f - s * (f - series)))
}

/** Score of a field, and the law of one score under a key drawn at random. */
function schemeOf({ scheme, bits, param }) {
  if (scheme === 'green-list')
    return { trials: 1, p: param / 2 ** bits, score: (field) => (field < param ? 1 : 0) }
  if (scheme === 'tournament') {
    const score = (field) => (field & (2 ** param - 1)).toString(2).replaceAll('0', '').length
    return { trials: param, p: 0.5, score }
  }
  if (scheme === 'gumbel') {
    const score = (field) => Math.floor(-ln((2 ** 32 - field) / 2 ** 32) * 2 ** 20) / 2 ** 20 + 0
    return { trials: 0, score, most: 23258159 / 2 ** 20 }
  }
  return cannot(`scheme ${shown(scheme)} is beyond this file`)
}

/** ln n!: a plain sum below 32, Stirling's series beyond, whose next term is below 1e-16. */
function lnFactorial(n) {
  if (n < 32) return Array.from({ length: n }, (_, i) => Math.log(i + 1)).reduce((sum, part) => sum + part, 0)
  const series = 1 / (12 * n) - 1 / (360 * n ** 3) + 1 / (1260 * n ** 5) - 1 / (1680 * n ** 7)
  return (n + 0.5) * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI) + series
}

/** ln of a sum of exp(term(i)), i from..to, as a plain sum of quotients to its largest term. */
function lnSum(from, to, mode, term) {
  const start = Math.min(Math.max(from, mode), to)
  const top = term(start)
  let sum = 0
  for (const step of [1, -1]) {
    let part = 1
    for (let i = step < 0 ? start - 1 : start; i >= from && i <= to && part >= 1e-20 * sum; i += step)
      sum += part = Math.exp(term(i) - top)
  }
  return Math.min(0, top + Math.log(sum))
}

/** ln P[a sum of n null scores is `sum` or more], by adding up the law: Binomial(n trials, p), or Gamma(n, 1), which is a Poisson sum. */
function lnTail({ trials, p }, sum, n) {
  if (n === 0 || sum <= 0) return 0
  if (trials > 0) {
    const N = n * trials
    if (sum > N) return Number.NEGATIVE_INFINITY
    const term = (k) =>
      lnFactorial(N) - lnFactorial(k) - lnFactorial(N - k) + k * Math.log(p) + (N - k) * Math.log1p(-p)
    return lnSum(sum, N, Math.floor((N + 1) * p), term)
  }
  return lnSum(0, n - 1, Math.floor(sum), (k) => k * Math.log(sum) - sum - lnFactorial(k))
}

/** exp of a log-probability, rounded to 32 bits: ties between tokens must fall as the format says. */
function probabilityOf(logprob) {
  if (logprob < -150 * Math.LN2) return 0
  const k = Math.max(0, Math.round(-logprob / Math.LN2))
  const x = logprob + k * 0.6931471803691238 + k * 1.9082149292705877e-10
  let series = 1
  for (let n = 14; n > 0; n--) series = 1 + (x / n) * series
  return Math.fround(series / 2 ** k)
}

/** The suspect's first choice among [token, weight]: the highest weight, of equals the lowest id; none where all weigh 0. */
function firstChoice(entries) {
  let best
  for (const [token, weight] of entries) {
    if (weight > 0 && (best === undefined || weight > best[1] || (weight === best[1] && token < best[0])))
      best = [token, weight]
  }
  return best?.[0]
}

/**
 * The positions that count, in the order of the plan: [context, token]. Left out is a position whose context occurs earlier in the same text (the
 * suspect could copy on), and under the burn rule one whose context occurs in any text before.
 */
function observe(plan, answers, markedText) {
  const { contextWidth: h, vocabularySize, access, topK, prompts } = plan
  const left = { repeatedWindow: 0, burned: 0, notAligned: 0 }
  const everywhere = new Set(markedText.flatMap((ids) => windowsOf(ids, h)))
  const list = []
  let seen = 0
  for (const answer of answers) {
    const { ids: prompt, completion, positions } = answer
    const ids = [...prompt, ...(completion ?? [])]
    const first = completion === undefined ? 1 : prompt.length
    const own = new Set()
    const standing = []
    for (const [at, name] of windowsOf(ids, h).entries()) {
      const repeats = own.has(name) && h > 0
      const burns = prompts.marked && everywhere.has(name)
      own.add(name)
      everywhere.add(name)
      standing[at + h] = repeats ? 'repeatedWindow' : burns ? 'burned' : 'kept'
    }
    const rows = access === 'rows' ? Buffer.from(answer.rows, 'base64') : undefined
    const count = access === 'text' ? completion.length : access === 'rows' ? prompt.length : positions.length
    for (let j = 0; j < count; j++) {
      const i = first + j
      if (i < h) continue
      seen++
      const stands = access === 'top-k' && positions[j] === null ? 'notAligned' : standing[i]
      // A row is the law of what follows ids[0..j].
      const law = () => (access === 'rows' ? rowOf(rows, j, vocabularySize) : listOf(positions[j], topK))
      if (stands !== 'kept') left[stands]++
      else
        list.push({
          context: ids.slice(i - h, i),
          token: access === 'text' ? completion[j] : firstChoice(law()),
        })
    }
  }
  return { list, seen, left }
}
const windowsOf = (ids, h) =>
  Array.from({ length: Math.max(0, ids.length - h + 1) }, (_, i) => ids.slice(i, i + h).join())
function* rowOf(bytes, row, size) {
  for (let token = 0; token < size; token++) yield [token, bytes.readFloatLE(4 * (row * size + token))]
}
function listOf(list, k) {
  const entries = list.map(([token, logprob]) => [token, probabilityOf(logprob)])
  return entries.sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, k)
}

/** Each pair once; under the burn rule each context once, in order. */
function distinct(list, { marked }) {
  const known = new Set()
  return list.filter(({ context, token }) => {
    if (token === undefined) return false
    const name = marked ? context.join() : [...context, token].join()
    return known.has(name) ? false : known.add(name)
  })
}

/** A revealed key: key id, and that key, route key and salt open the commitment in the profile. */
function readKey(path, profile) {
  const jwk = parse(readFileSync(path, 'utf8'), 'a key file')
  const secret = (field) => {
    const bytes = Buffer.from(String(jwk[field]), 'base64url')
    return bytes.length === 32 ? bytes : cannot(`a key file has no ${field} of 32 bytes`)
  }
  const [key, salt] = [secret('k'), secret('salt')]
  const keyId = hexOf(Buffer.concat([Buffer.from('dyetrace/1|id|'), key])).slice(0, 16)
  const layer = profile.layers.find((candidate) => candidate.keyId === keyId)
  if (!layer) return report(false, `key ${keyId}`, 'is not in the profile')
  const routed = new Set(profile.layers.map(({ role }) => role)).size > 1
  const route = routed ? secret('routeKey') : Buffer.alloc(32)
  const { scheme, contextWidth, bits, param, tokenizer } = profile
  const info = `dyetrace/1|mark|${scheme}|w${contextWidth}|b${bits}|l${layer.lanes}|p${param}|${tokenizer}`
  const opened = [Buffer.from('dyetrace/1|commit|'), key, route, salt, Buffer.from(info)]
  isSame(`commitment of key ${keyId}`, layer.commitment, hexOf(Buffer.concat(opened)))
  // Labels of one role share its part of all contexts.
  const shares = new Map(profile.layers.map(({ role, share }) => [role, share]))
  const before = [...shares.keys()].slice(0, [...shares.keys()].indexOf(layer.role))
  const from = before.reduce((sum, role) => sum + shares.get(role), 0)
  const inLayer = (context) => {
    if (!routed) return true
    const value = chacha8(wordsOf(route), 0, nonceOf(context))[0] & 0xffff
    return value >= from && value < from + layer.share
  }
  return { keyId, layer, words: wordsOf(key), inLayer }
}

function sumOf(pairs, { words, format, lane, scheme }) {
  const field = fieldReader(words, format)
  return pairs.reduce((sum, { context, token }) => sum + scheme.score(field(context, token, lane)), 0)
}

function checkSeal(files, publicKeyPem) {
  const text = files['evidence.json']
  if (text === undefined) {
    if (publicKeyPem !== undefined) report(false, 'evidence.json', 'is not there')
    else print('--  evidence.json: is not there; nobody has signed this case')
    return
  }
  const envelope = parse(text, 'evidence.json')
  const fields = [Object.keys(envelope), Object.keys(envelope.signatures?.[0] ?? {})].flat().sort().join()
  isSame('fields of the envelope', 'keyid,payload,payloadType,sig,signatures', fields)
  isSame('payload type', 'application/vnd.in-toto+json', envelope.payloadType)
  isSame('signatures', 1, envelope.signatures?.length)
  const [{ keyid, sig }] = envelope.signatures
  isSame('spelling of the envelope', true, text === `${canonical(envelope)}\n`)
  const payload = Buffer.from(envelope.payload, 'base64')
  for (const text of [envelope.payload, sig])
    isSame('spelling of base64', true, Buffer.from(text, 'base64').toString('base64') === text)
  const statement = parse(payload.toString('utf8'), 'the statement')
  const { predicate, subject } = statement
  isSame('spelling of the statement', true, Buffer.from(canonical(statement)).equals(payload))
  const x = Buffer.from(predicate.publicKey, 'base64').toString('base64url')
  const named = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  const idOf = (key) => hexOf(key.export({ type: 'spki', format: 'der' }))
  isSame('key id of the signer', idOf(named), keyid)
  if (publicKeyPem !== undefined) isSame('signer', idOf(createPublicKey(publicKeyPem)), idOf(named))
  const before = `DSSEv1 ${envelope.payloadType.length} ${envelope.payloadType} ${payload.length} `
  const signed = Buffer.concat([Buffer.from(before), payload])
  isSame('signature', true, verifySignature(null, signed, named, Buffer.from(sig, 'base64')))
  const subjects = new Map(subject.map(({ name, digest }) => [name, digest.sha256]))
  isSame('subjects, each once', subject.length, subjects.size)
  for (const name of SUBJECTS) {
    const got = files[name] === undefined ? undefined : hexOf(files[name])
    if (got !== undefined || subjects.has(name)) isSame(`digest of ${name}`, subjects.get(name), got)
  }
  isSame('signed verdict', files['verdict.json'].trimEnd() === canonical(predicate.verdict), true)
  isSame('formats signed', FORMATS, `${statement._type},${statement.predicateType},${predicate.format}`)
  const its = Object.keys(predicate).filter((field) => field !== 'sealed')
  isSame('fields of the predicate', PREDICATE, its.sort().join())
  return predicate
}

const FORMATS = 'https://in-toto.io/Statement/v1,urn:dyetrace:evidence:1,dyetrace/evidence-1'
const PREDICATE = 'answers,deviations,format,keys,package,plan,profile,publicKey,tokenizer,verdict'
const SUBJECTS =
  `plan.json prompts.jsonl answers.jsonl profile.json verdict.json case.json references.jsonl exposure.jsonl
marked.jsonl instrument.jsonl tokenizer.json capabilities.json`.split(/\s/)

/** The answers, in the order of the plan. Checks the chain. */
function readAnswers(files, plan, prompts) {
  let prev = digestOf(files['plan.json'])
  const part = { text: 'completion', 'top-k': 'positions', rows: 'rows' }[plan.access]
  const fields = `prev prompt ids finish text request at capabilities ${part} ${part === 'positions' ? 'completion' : ''}`
  const isId = (id) => Number.isInteger(id) && id >= 0 && id < plan.vocabularySize
  const [answers, answered] = [[], new Set()]
  for (const { line, value } of readLines(files['answers.jsonl'], 'answers.jsonl', { fields, torn: true })) {
    const name = `answers.jsonl line ${answers.length + 1}`
    const { prompt, ids, completion = [] } = value
    if (value.prev !== prev) report(false, name, `"prev" expected ${prev}, got ${shown(value.prev)}`)
    prev = digestOf(line)
    const isPlanned = Number.isInteger(prompt) && canonical(prompts[prompt] ?? null) === canonical(ids)
    if (answered.has(prompt) || !isPlanned) report(false, name, 'answers no prompt of the plan, or one again')
    answered.add(prompt)
    if (value[part] === undefined || ![...ids, ...completion].every(isId))
      cannot(`${name} lacks ${part}, or has ids beyond the vocabulary`)
    const lists = (value.positions ?? []).filter((list) => list !== null)
    if (!lists.every((list) => isList(list, isId))) report(false, name, 'has a list that is none')
    answers.push(value)
  }
  report(true, 'answers.jsonl', `${answers.length} answers, head ${prev}`)
  answers.sort((a, b) => a.prompt - b.prompt)
  return { answers, head: prev }
}

/** A list: each token once, the likeliest first, no probability above 1 but by rounding. */
const isList = (list, isId) =>
  list.every(([id, ln, more], i) => isId(id) && ln <= (list[i - 1]?.[1] ?? 0.001) && more === undefined) &&
  new Set(list.map(([id]) => id)).size === list.length

/** Known marked text on the same path: each pair once; gumbel and tournament: each context once in a document, prompt included. */
function instrumentPairs(text, { contextWidth: h, scheme }) {
  const pairs = new Map()
  for (const { value } of readLines(text, 'instrument.jsonl', { fields: 'ids promptLength' })) {
    const { ids, promptLength = 0 } = value
    const used = new Set()
    for (let i = Math.max(h, scheme === 'green-list' ? promptLength : 0); i < ids.length; i++) {
      const context = ids.slice(i - h, i)
      const isFirst = !used.has(context.join())
      used.add(context.join())
      if (i < promptLength || !(isFirst || scheme === 'green-list')) continue
      pairs.set([...context, ids[i]].join(), { context, token: ids[i] })
    }
  }
  return [...pairs.values()]
}

function checkCase(folder, keyFiles, publicKeyPem) {
  const files = {}
  for (const name of [...SUBJECTS, 'evidence.json']) {
    const path = join(folder, name)
    if (!existsSync(path)) continue
    const bytes = readFileSync(path)
    files[name] = bytes.toString('utf8')
    if (!Buffer.from(files[name]).equals(bytes)) cannot(`${name} is not UTF-8`)
  }
  for (const name of SUBJECTS.slice(0, 5)) if (files[name] === undefined) cannot(`${name} is not there`)
  const profile = parse(files['profile.json'], 'profile.json')
  const plan = parse(files['plan.json'], 'plan.json')
  const verdict = parse(files['verdict.json'], 'verdict.json')
  isSame('plan.json is canonical', true, canonical(plan) === files['plan.json'])
  const formats = [plan, profile, verdict].map(({ format }) => format).join()
  isSame('formats', 'dyetrace/plan-1,dyetrace/profile-1,dyetrace/attribution-1', formats)
  isSame('plan of the verdict', digestOf(files['plan.json']), verdict.plan)
  isSame('suspect of the verdict', plan.suspect, verdict.suspect)
  for (const field of ['contextWidth', 'vocabularySize']) isSame(`plan.${field}`, profile[field], plan[field])
  const prompts = readLines(files['prompts.jsonl'], 'prompts.jsonl').map(({ value }) => value.ids)
  isSame('digest of the prompts', plan.prompts.digest, digestOf(canonical(prompts)))
  isSame('number of prompts', plan.prompts.count, prompts.length)
  isSame('verdict.json is canonical', true, files['verdict.json'].trimEnd() === canonical(verdict))
  const planned = plan.prompts.markedText
  if (!planned && files['marked.jsonl']) report(false, 'marked.jsonl', 'is no file that the plan calls for')
  const signed = checkSeal(files, publicKeyPem)
  if (!['fixed', 'looks'].includes(plan.stopping.rule)) cannot('the plan’s stopping rule is beyond this file')
  if (!(plan.alpha > 0 && plan.alpha < 1 && plan.minimumCounted > 0)) cannot('the plan has no level')
  if (plan.classes !== undefined) cannot('the plan judges windows in classes')
  const { answers, head } = readAnswers(files, plan, prompts)
  const known = keyFiles.flatMap((path) => readKey(path, profile) ?? [])
  const keys = new Map(known.map((key) => [key.keyId, key]))
  const about = { plan, profile, verdict, head, keys, answers, instrument: files['instrument.jsonl'] }
  const ours = `${digestOf(canonical(plan))} ${digestOf(canonical(profile))} ${profile.tokenizer} ${answers.length} ${head}`
  const { count, head: last } = signed?.answers ?? {}
  const its = `${signed?.plan} ${signed?.profile} ${signed?.tokenizer} ${count} ${last}`
  if (signed) isSame('signed plan, profile, tokenizer, answers', true, ours === its)
  const markedText = readLines(files['marked.jsonl'] ?? '', 'marked.jsonl').map(({ value }) => value.ids)
  if (planned) isSame('digest of the marked text', planned.digest, digestOf(canonical(markedText)))
  judge({ ...about, ...observe(plan, answers, markedText) })
  if (plan.statistic !== 'count') cannot('count was compared, but the contrast decides')
}

/** Computes every conclusion again and compares. */
function judge(about) {
  const { plan, profile, verdict, list, seen, left, keys, answers, instrument } = about
  const scheme = schemeOf(profile)
  const family = new Set([...(plan.family ?? []), ...verdict.conclusions].map(nameOf)).size
  isSame('keys that are paid for', family, verdict.family.size)
  isSame('keys that were tried', new Set(verdict.conclusions.map(nameOf)).size, verdict.conclusions.length)
  // Planned looks at the first `first` 2^k positions, each with its share of the level; where not even the first was reached, one at nothing.
  const { first, looks } = plan.stopping
  const isLooking = plan.stopping.rule === 'looks'
  const taken = isLooking ? [] : [{ size: list.length, share: 1 }]
  for (let k = 0; k < looks && first * 2 ** k <= list.length; k++)
    taken.push({ size: first * 2 ** k, share: 1 / ((k + 1) * (k + 2)) })
  if (taken.length === 0) taken.push({ size: 0, share: 1 / 2 })
  const lights = []
  const assessed = verdict.conclusions.map((conclusion) => {
    const { keyId, lane } = conclusion
    const key = keys.get(keyId) ?? cannot(`key ${shown(keyId)} was tried and is not among the key files`)
    const format = { bits: profile.bits, lanes: key.layer.lanes }
    if (!(Number.isInteger(lane) && lane >= 0 && lane < format.lanes))
      cannot(`key ${keyId} has no lane ${shown(lane)}`)
    const scoring = { words: key.words, format, lane, scheme }
    const looked = taken.map(({ size, share }) => {
      const all = distinct(list.slice(0, size), plan.prompts).filter(({ context }) => key.inLayer(context))
      const own = plan.counted === undefined ? all : all.slice(0, plan.counted)
      const n = plan.counted ?? own.length
      const sum = sumOf(own, scoring)
      const lnP = lnTail(scheme, sum, n)
      return { own, n, sum, lnP, share, paid: Math.min(0, lnP - Math.log(share)) }
    })
    if (instrument !== undefined) {
      const marked = instrumentPairs(instrument, profile).filter(({ context }) => key.inLayer(context))
      lights.push({ n: marked.length, lnP: lnTail(scheme, sumOf(marked, scoring), marked.length) })
    }
    return { conclusion, scoring, ...looked.reduce((a, b) => (b.paid < a.paid ? b : a)) }
  })
  // Holm over all tests: the i-th smallest of m p-values times m - i, never less than the one before. Keys not tried have p = 1.
  const order = [...assessed].sort((a, b) => a.paid - b.paid)
  let least = Number.NEGATIVE_INFINITY
  for (const [i, test] of order.entries()) {
    least = Math.max(least, test.paid + Math.log(family - i))
    test.adjusted = Math.min(0, least)
  }
  const light = lights.length === 0 ? undefined : lights.reduce((a, b) => (b.lnP < a.lnP ? b : a))
  for (const test of assessed) compare(test, { ...about, scheme, family, isLooking, light })
  const roles = ['provider', 'epoch', 'cohort', 'canary']
  const found = verdict.conclusions.filter(({ decision }) => decision === 'evidence').map(({ role }) => role)
  isSame('narrowest role', roles.filter((role) => found.includes(role)).at(-1), verdict.narrowest)
  const counts = verdict.conclusions[0].controls
  for (const [what, count] of Object.entries({ seen, kept: list.length, ...left }))
    isSame(`positions, ${what}`, count, counts[what])
  isSame('prompts answered', answers.length, counts.prompts.answered)
}

function compare(test, { plan, profile, head, keys, answers, scheme, family, isLooking, light }) {
  const { conclusion, own, n, sum, lnP, adjusted } = test
  const { keyId, lane } = conclusion
  const name = (what) => `key ${keyId}, lane ${lane}: ${what}`
  const finding = conclusion.findings.find(({ statistic }) => statistic === 'count')
  const said = finding?.verdict ?? cannot(`no finding of count for key ${keyId}`)
  const { role, label } = keys.get(keyId).layer
  const { suspect, access, statistic } = plan
  const [ofPlan, ofProfile] = [plan, profile].map((record) => digestOf(canonical(record)))
  const facts = { plan: ofPlan, profile: ofProfile, role, label, suspect, access, statistic }
  for (const [field, value] of Object.entries(facts)) isSame(name(field), value, conclusion[field])
  isSame(name('level'), plan.alpha, said.alpha)
  if (plan.statistic === 'count' || !isLooking) {
    isSame(name('pairs counted'), n, said.counted)
    isSame(name('sum of scores'), sum, said.sum)
    isNear(name('ln p'), lnP, said.lnP)
    const wanted = plan.decoys > 0 && !plan.prompts.marked && own.length > 0
    if (wanted || finding.decoys !== undefined) checkDecoys(finding.decoys, test, { plan, head, name })
  }
  if (plan.statistic !== 'count') return
  isSame(name('family'), family, said.family.size)
  const corrected = family === 1 && !isLooking ? undefined : adjusted
  if (corrected === undefined) isSame(name('corrected ln p'), undefined, said.family.lnAdjustedP)
  else isNear(name('corrected ln p'), corrected, said.family.lnAdjustedP)
  // The decision: too few pairs, or pairs that could not have said yes, say nothing either way.
  const limit = Math.log(plan.alpha)
  const highest = lnTail(scheme, scheme.trials > 0 ? n * scheme.trials : n * scheme.most, n)
  let decision = (corrected ?? lnP) <= limit ? 'evidence' : 'no-evidence'
  const couldNot = highest > limit || (decision === 'no-evidence' && highest + Math.log(family) > limit)
  if (n < plan.minimumCounted || couldNot) decision = 'insufficient'
  isSame(name('decision of count'), decision, said.decision)
  if (plan.counted !== undefined && own.length < plan.minimumCounted) decision = 'insufficient'
  if (light !== undefined) {
    const lit = light.n >= 64 && light.lnP <= Math.log(1e-6)
    isSame(name('known marked text is recognised'), lit, conclusion.controls.instrument?.passed)
    isNear(name('its log10 p'), light.lnP / Math.LN10, conclusion.controls.instrument?.log10P)
    if (!lit) decision = 'protocol-mismatch'
  } else isSame(name('known marked text'), undefined, conclusion.controls.instrument)
  isSame(name('decision'), decision, conclusion.decision)
  const isOpen = plan.family?.every((member) => member.keyId !== keyId || member.lane !== lane) ?? true
  const { marked, markedText, count } = plan.prompts
  // With planned looks the last of them may come early, but what is passed over was chosen.
  const due = plan.stopping.rule === 'fixed' ? count : (answers.at(-1)?.prompt ?? -1) + 1
  const isExploratory = isOpen || (marked && markedText === undefined) || answers.length < due
  isSame(name('exploratory'), isExploratory, conclusion.exploratory !== undefined)
}

/** Decoy i: HKDF-SHA-256 of SHA-256(plan) and the head of the answers, info "dyetrace/1|decoy|i". Nobody picks them. */
function checkDecoys(said, { own, sum, scoring, share }, { plan, head, name }) {
  const material = Buffer.concat([sha256(canonical(plan)), Buffer.from(head.slice('sha256:'.length), 'hex')])
  let below = 0
  for (let i = 0; i < plan.decoys; i++) {
    const key = Buffer.from(hkdfSync('sha256', material, Buffer.alloc(0), `dyetrace/1|decoy|${i}`, 32))
    if (sumOf(own, { ...scoring, words: wordsOf(key) }) < sum) below++
  }
  isSame(name('decoys'), plan.decoys, said?.count)
  const rank = (plan.decoys + 1 - below) / (plan.decoys + 1) / share
  isNear(name('rank among decoys, looks paid for'), Math.min(1, rank), said?.p)
}

function main() {
  // Not strict: it would throw, and what it says shows what was given.
  const { values, positionals } = parseArgs({ strict: false, options: { 'public-key': { type: 'string' } } })
  const { 'public-key': pemFile, ...unknown } = values
  const [folder, ...keyFiles] = positionals
  if (keyFiles.length === 0 || Object.keys(unknown).length > 0 || pemFile === true) {
    process.stderr.write('usage: node verify.mjs FOLDER KEYFILE... [--public-key FILE.pem]\n')
    return 2
  }
  try {
    checkCase(folder, keyFiles, pemFile === undefined ? undefined : readFileSync(pemFile, 'utf8'))
  } catch (error) {
    // What is thrown by Node may quote what it read, and a key file may be in the wrong place.
    const why = error instanceof CannotError ? error.message : 'a file is missing or malformed'
    print(`--- could not go on: ${why}`)
    return differs > 0 ? 4 : 3
  }
  print('--  not looked at: sentences, notes, e-values, intervals, power, lists of keys, signed deviations')
  print(differs > 0 ? `${differs} things differ` : 'everything that is computed here agrees')
  return differs > 0 ? 4 : 0
}

// For tests that hold parts against published vectors: imported under this name it runs nothing. In every other way it runs.
export { chacha8, fieldReader, lnTail, nonceOf, schemeOf, wordsOf }

if (!import.meta.url.endsWith('?parts')) process.exitCode = main()
