/** Mutations of a file's bytes, as an adversary or a bad disk would make them. */
import type { KeyObject } from 'node:crypto'
import seedrandom from 'seedrandom'
import { utf8ToBytes } from '../../src/bytes.ts'
import { decodeCaseFile } from '../../src/case/files.ts'
import { judgeCase } from '../../src/case/judge.ts'
import { verifyCase } from '../../src/case/verify.ts'
import type { Attribution } from '../../src/distill/attribution.ts'
import type { ToyFolder } from './case-folders.ts'

/** Bytes that mean something in JSON, besides random ones. */
const TELLING = utf8ToBytes('{}[]",:0123456789-.eE \n\\/utfalsn')

/** One mutation; sometimes the same bytes come out. */
export function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const int = (below: number): number => Math.floor(random() * below)
  const at = int(bytes.length + 1)
  const some = (): number => (random() < 0.5 ? int(256) : TELLING[int(TELLING.length)]!)
  const length = 1 + int(random() < 0.8 ? 3 : 200)
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  switch (int(7)) {
    case 0: {
      const copy = bytes.slice()
      if (at < copy.length) copy[at]! ^= 1 << int(8)
      return copy
    }
    case 1: {
      const copy = bytes.slice()
      if (at < copy.length) copy[at] = some()
      return copy
    }
    case 2:
      return joined(before, Uint8Array.from({ length }, some), after)
    case 3:
      return joined(before, after.subarray(length))
    case 4:
      // A piece comes twice: members, lines, digits.
      return joined(before, after.subarray(0, length), after)
    case 5:
      return before.slice()
    default: {
      // Two pieces change places.
      const other = int(bytes.length + 1)
      const [a, b] = [Math.min(at, other), Math.max(at, other)]
      return joined(bytes.subarray(0, a), bytes.subarray(b), bytes.subarray(a, b))
    }
  }
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** What came of tampering. */
export interface Tampered {
  /** Mutations that changed a byte. */
  readonly tried: number
  /** Of these: no UTF-8 any more. */
  readonly unreadable: number
  /** Without a seal: refused by judgeCase, or judged, and to no evidence that was not there. */
  readonly refused: number
  readonly judged: number
  /** What must not be: one line each. */
  readonly problems: readonly string[]
}

/** Mutates one file at a time and checks the case: `holds` must never be true, and nothing may crash or show `secrets`. */
export function tamper(
  made: ToyFolder,
  about: { publicKey: KeyObject; count: number; seed: string; secrets: readonly string[] },
): Tampered {
  const { publicKey, count, seed, secrets } = about
  const random = seedrandom(seed)
  const names = Object.keys(made.files)
  const decisions = decisionsOf(judgeCase(made.files, made.keys))
  const problems: string[] = []
  let [tried, unreadable, refused, judged] = [0, 0, 0, 0]
  for (let i = 0; i < count; i++) {
    const name = names[i % names.length]!
    const bytes = utf8ToBytes(made.files[name]!)
    const mutated = mutate(bytes, random)
    if (Buffer.compare(bytes, mutated) === 0) continue
    tried++
    const problem = (what: string) => problems.push(`mutation ${i} of ${name}: ${what}`)
    let text: string
    try {
      text = decodeCaseFile(mutated, { name })
    } catch (error) {
      unreadable++
      if (!isClear(error)) problem(String(error))
      continue
    }
    const files = { ...made.files, [name]: text }
    const { ok, checks } = verifyCase(files, made.keys, { publicKey })
    const failing = checks.filter((check) => !check.ok)
    if (ok || failing.length === 0) problem('holds')
    for (const { said } of failing) if (UNCLEAR.test(said)) problem(said)
    const said = JSON.stringify(checks)
    if (secrets.some((secret) => said.includes(secret))) problem('shows a key')
    // These two are not judged.
    if (name === 'evidence.json' || name === 'verdict.json') continue
    try {
      const again = decisionsOf(judgeCase(files, made.keys))
      judged++
      // Without a seal the last answers can be dropped or changed, and known marked text: that may take evidence away, never give it.
      if (again !== decisions && /(^|,)evidence/.test(again)) problem(`judged ${again}`)
    } catch (error) {
      refused++
      if (!isClear(error)) problem(String(error))
    }
  }
  return { tried, unreadable, refused, judged, problems }
}

const UNCLEAR = /Cannot read|is not a function|not iterable|is not defined|undefined \(|Maximum call/

function isClear(error: unknown): boolean {
  return (error instanceof RangeError || error instanceof TypeError) && !UNCLEAR.test(error.message)
}

function decisionsOf({ conclusions }: Attribution): string {
  return conclusions.map(({ decision }) => decision).join()
}
