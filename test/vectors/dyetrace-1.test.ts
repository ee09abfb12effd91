/**
 * Wire format `dyetrace/1` against values made by an independent implementation (test/vectors/dyetrace-1.json), step by step
 * from the master key to field numbers, and end to end through a profile where the profile can say it.
 */
import { hexToBytes } from '@noble/hashes/utils.js'
import { describe, expect, test } from 'vitest'
import { bytesToHex, littleEndianWords } from '../../src/bytes.ts'
import type { Digest } from '../../src/digest.ts'
import {
  commitmentOf,
  deriveLayerKey,
  deriveMarkKeyBytes,
  deriveRouteKey,
  keyIdOf,
  type MarkFormat,
  markInfo,
} from '../../src/keys/derive.ts'
import { roleRanges } from '../../src/keys/profile.ts'
import { createFieldFunction, routeValue, writeNonce } from '../../src/prf/fields.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { markKeyFromBytes } from '../support/keys.ts'
import { readVectors } from './read-vectors.ts'

interface Case {
  master: string
  layer: string
  tokenizerTokens: (string | null)[]
  tokenizer: Digest
  scheme: MarkFormat['scheme']
  contextWidth: number
  bits: MarkFormat['bits']
  lanes: number
  param: number
  layerKey: string
  markKey: string
  routeKey: string
  context: number[]
  nonce: number[]
  route: number
  fields: { token: number; lane: number; field: number }[]
  keyId: string
  salt: string
  commitmentOneLayer: string
  commitmentLayers: string
  shares: number[]
  layerIndex: number
}

for (const { path, content } of readVectors().filter(({ kind }) => kind === 'dyetrace/1')) {
  describe(path, () => {
    test.each((content.cases as Case[]).map((c, i) => ({ i, c })))(
      'case $i: $c.scheme w$c.contextWidth b$c.bits l$c.lanes',
      ({ c }) => {
        const format: MarkFormat = c
        const master = hexToBytes(c.master)
        expect(tokenizerDigest(c.tokenizerTokens)).toBe(c.tokenizer)
        const layerKey = deriveLayerKey(master, c.layer)
        expect(bytesToHex(layerKey)).toBe(c.layerKey)
        const markKey = deriveMarkKeyBytes(layerKey, format)
        expect(bytesToHex(markKey)).toBe(c.markKey)
        const routeKey = deriveRouteKey(master, format)
        expect(bytesToHex(routeKey)).toBe(c.routeKey)
        expect(keyIdOf(markKey)).toBe(c.keyId)

        const secret = { markKey, salt: hexToBytes(c.salt), info: markInfo(format) }
        expect(commitmentOf({ ...secret, routeKey: undefined })).toBe(c.commitmentOneLayer)
        expect(commitmentOf({ ...secret, routeKey })).toBe(c.commitmentLayers)

        const nonce = new Uint32Array(3)
        writeNonce(nonce, c.context, c.contextWidth)
        expect([...nonce]).toEqual(c.nonce)
        const route = routeValue(littleEndianWords(routeKey), c.context)
        expect(route).toBe(c.route)
        const roles = ['provider', 'epoch', 'cohort'] as const
        const ranges = [...roleRanges(c.shares.map((share, i) => ({ role: roles[i]!, share }))).values()]
        expect(ranges.findIndex(({ from, to }) => route >= from && route < to)).toBe(c.layerIndex)

        const key = markKeyFromBytes(markKey, format)
        const field = createFieldFunction(format)
        for (const { token, lane, field: expected } of c.fields)
          expect(field(key, c.context, token, lane)).toBe(expected)
      },
    )
  })
}
