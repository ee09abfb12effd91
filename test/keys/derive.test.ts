/** The derivation steps against Node's own HKDF and SHA-256, with the names of the wire format written out by hand. */
import { createHash, hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesToHex } from '../../src/bytes.ts'
import {
  commitmentOf,
  deriveCommitmentSalt,
  deriveDecoyKeyBytes,
  deriveLayerKey,
  deriveMarkKeyBytes,
  deriveRouteKey,
  keyIdOf,
  type MarkFormat,
  markInfo,
  SCHEME_IDS,
} from '../../src/keys/derive.ts'

const key = fc.uint8Array({ minLength: 32, maxLength: 32 })
const label = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,63}$/)
const format: fc.Arbitrary<MarkFormat> = fc.record({
  scheme: fc.constantFrom(...SCHEME_IDS),
  contextWidth: fc.nat(4),
  bits: fc.constantFrom(1, 8, 32),
  lanes: fc.integer({ min: 1, max: 512 }),
  param: fc.nat(255),
  tokenizer: fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes) => `sha256:${bytesToHex(bytes)}` as const),
})

function nodeHkdf(ikm: Uint8Array, info: string): string {
  return bytesToHex(new Uint8Array(hkdfSync('sha256', ikm, '', info, 32)))
}

function nodeSha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

describe('derivation', () => {
  test('the mark info string says scheme, width, bits, lanes, param and tokenizer, in this order', () => {
    const tokenizer = `sha256:${'0f'.repeat(32)}` as const
    expect(
      markInfo({ scheme: 'green-list', contextWidth: 2, bits: 8, lanes: 16, param: 64, tokenizer }),
    ).toBe(`dyetrace/1|mark|green-list|w2|b8|l16|p64|${tokenizer}`)
  })

  test('layer, mark and route keys are HKDF-SHA-256 with an empty salt, as Node computes it', () => {
    fc.assert(
      fc.property(key, label, format, (master, name, f) => {
        const layerKey = deriveLayerKey(master, name)
        expect(bytesToHex(layerKey)).toBe(nodeHkdf(master, `dyetrace/1|layer|${name}`))
        const info = `dyetrace/1|mark|${f.scheme}|w${f.contextWidth}|b${f.bits}|l${f.lanes}|p${f.param}|${f.tokenizer}`
        expect(bytesToHex(deriveMarkKeyBytes(layerKey, f))).toBe(nodeHkdf(layerKey, info))
        const route = `dyetrace/1|route|w${f.contextWidth}|${f.tokenizer}`
        expect(bytesToHex(deriveRouteKey(master, f))).toBe(nodeHkdf(master, route))
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  test('commitment salts come from the layer key, decoys from public material', () => {
    fc.assert(
      fc.property(key, format, fc.nat(100_000), (bytes, f, i) => {
        const salt = `dyetrace/1|salt|${markInfo(f)}`
        expect(bytesToHex(deriveCommitmentSalt(bytes, f))).toBe(nodeHkdf(bytes, salt))
        expect(bytesToHex(deriveDecoyKeyBytes(bytes, i))).toBe(nodeHkdf(bytes, `dyetrace/1|decoy|${i}`))
      }),
      { seed: 2, numRuns: 100 },
    )
  })

  test('key id and commitment are SHA-256 over the bytes that the wire format lists', () => {
    fc.assert(
      fc.property(key, key, key, format, (markKey, routeKey, salt, f) => {
        const info = markInfo(f)
        expect(keyIdOf(markKey)).toBe(nodeSha256('dyetrace/1|id|', markKey).slice(0, 16))
        expect(commitmentOf({ markKey, routeKey, salt, info })).toBe(
          nodeSha256('dyetrace/1|commit|', markKey, routeKey, salt, info),
        )
        expect(commitmentOf({ markKey, routeKey: undefined, salt, info })).toBe(
          nodeSha256('dyetrace/1|commit|', markKey, new Uint8Array(32), salt, info),
        )
      }),
      { seed: 3, numRuns: 200 },
    )
  })

  test('no two of the keys of one master are alike', () => {
    fc.assert(
      fc.property(key, label, format, (master, name, f) => {
        const layerKey = deriveLayerKey(master, name)
        const all = [
          master,
          layerKey,
          deriveMarkKeyBytes(layerKey, f),
          deriveRouteKey(master, f),
          deriveCommitmentSalt(layerKey, f),
        ]
        expect(new Set(all.map(bytesToHex)).size).toBe(all.length)
      }),
      { seed: 4, numRuns: 100 },
    )
  })

  test('every part of the format changes the mark key', () => {
    const tokenizer = `sha256:${'0f'.repeat(32)}` as const
    const base: MarkFormat = {
      scheme: 'green-list',
      contextWidth: 1,
      bits: 8,
      lanes: 1,
      param: 11,
      tokenizer,
    }
    const changes: Partial<MarkFormat>[] = [
      {},
      { scheme: 'gumbel' },
      { contextWidth: 2 },
      { bits: 1 },
      { lanes: 11 },
      { param: 1 },
      { lanes: 1, param: 111 },
      { tokenizer: `sha256:${'1f'.repeat(32)}` },
    ]
    const layerKey = new Uint8Array(32).fill(7)
    const keys = changes.map((change) => bytesToHex(deriveMarkKeyBytes(layerKey, { ...base, ...change })))
    expect(new Set(keys).size).toBe(changes.length)
  })
})
