/**
 * Where two JSON values first differ. Numbers may differ by rounding, because the logarithms and exponentials of two machines may in the last bit;
 * everything else is the same or it is not.
 */
import { describe } from '../assert.ts'

/** Relative to the larger of the number and 1. What is counted is far below 1e9, so counts must agree. */
const ROUNDING = 1e-9

/** A place where a value is not what was expected. */
export interface Difference {
  readonly path: string
  readonly expected: string
  readonly got: string
}

/** The first difference in the order of the expected value's fields; undefined where there is none. */
export function firstDifference(expected: unknown, got: unknown, path: string): Difference | undefined {
  if (typeof expected === 'number' && typeof got === 'number') {
    const near = Math.abs(expected - got) <= ROUNDING * Math.max(1, Math.abs(expected))
    const bothCounts = Number.isInteger(expected) && Number.isInteger(got)
    return expected === got || (near && !bothCounts) ? undefined : differ(expected, got, path)
  }
  if (!isObject(expected) || !isObject(got))
    return Object.is(expected, got) ? undefined : differ(expected, got, path)
  if (Array.isArray(expected) !== Array.isArray(got)) return differ(expected, got, path)
  // A field that is undefined is one that JSON leaves out.
  const keys = new Set([...fieldsOf(expected), ...fieldsOf(got)])
  for (const key of keys) {
    const [a, b] = [own(expected, key), own(got, key)]
    // Fields that are not ours can have any name.
    const plain = /^\w{1,40}$/.test(key) ? key : '?'
    const at = Array.isArray(expected) ? `${path}[${plain}]` : `${path}.${plain}`
    const difference = firstDifference(a, b, at)
    if (difference) return difference
  }
  return undefined
}

function differ(expected: unknown, got: unknown, path: string): Difference {
  return { path, expected: shown(expected), got: shown(got) }
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : describe(value)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function fieldsOf(value: object): string[] {
  return Object.entries(value).flatMap(([key, field]) => (field === undefined ? [] : [key]))
}

function own(value: object, key: string): unknown {
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
}
