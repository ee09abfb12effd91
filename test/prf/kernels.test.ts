/** The kernels compute what the JavaScript beside them computes, bit for bit; and which of the two runs can be chosen. */
import { test as property } from '@fast-check/vitest'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { ln } from '../../src/ln.ts'
import { chacha8Block } from '../../src/prf/chacha8.ts'
import { type Kernels, kernels, kernelsInUse, useKernels } from '../../src/prf/kernels/kernels.ts'

const word = fc.nat({ max: 0xffffffff })
const words = (length: number) => fc.array(word, { minLength: length, maxLength: length })

function made(): Kernels {
  useKernels('wasm')
  return kernels()!
}

afterEach(() => useKernels('auto'))

describe('kernels', () => {
  property.prop([words(8), words(3), word, fc.integer({ min: 1, max: 40 })])(
    'keystream: the blocks of chacha8Block, wherever they begin',
    (key, nonce, from, count) => {
      const { call, at, reserve, load } = made()
      reserve(64 * (count + 3))
      load(Uint32Array.from(key), nonce)
      call['keystream']!(at.data, count, at.key, at.nonce, from, at.state)
      const memory = kernels()!.words
      const block = new Uint32Array(16)
      for (let b = 0; b < count; b++) {
        const counter = (from + b) >>> 0
        chacha8Block(block, { key: Uint32Array.from(key), counter, nonce: Uint32Array.from(nonce) })
        const got = memory.slice(at.data / 4 + 16 * b, at.data / 4 + 16 * (b + 1))
        expect(got).toEqual(block)
      }
    },
  )

  property.prop([fc.double({ min: 2 ** -1022, max: 1e308, noNaN: true })])('ln: the same bits', (x) => {
    expect(made().call['ln']!(x)).toBe(ln(x))
  })

  test('nothing of a key stays in the memory after a wipe', () => {
    const { call, at, reserve, load, wipe } = made()
    const key = Uint32Array.from({ length: 8 }, (_, i) => 0x9e3779b9 * (i + 1))
    reserve(256)
    load(key, [1, 2, 3])
    call['keystream']!(at.data, 4, at.key, at.nonce, 0, at.state)
    const holdsKey = (): boolean => {
      const { words } = kernels()!
      return words.some((w, i) => w === key[0] && words[i + 1] === key[1])
    }
    const statesKey = (): boolean => kernels()!.words.some((w) => w === key[0])
    expect(holdsKey() && statesKey()).toBe(true)
    wipe()
    expect(holdsKey() || statesKey()).toBe(false)
  })

  test('the path can be forced', () => {
    useKernels('javascript')
    expect(kernelsInUse()).toBe('javascript')
    useKernels('wasm')
    expect(kernelsInUse()).toBe('wasm')
  })

  test('where compiling is forbidden JavaScript runs; forced, it is said; a module that was compiled elsewhere serves', async () => {
    const { WebAssembly } = globalThis as unknown as { WebAssembly: Record<string, unknown> }
    const { Module } = WebAssembly
    const { MODULE } = await import('../../src/prf/kernels/module.ts')
    const compiled = new (Module as new (bytes: Uint8Array) => object)(Buffer.from(MODULE, 'base64'))
    // A state of its own, in which nothing was compiled yet.
    const { vi } = await import('vitest')
    vi.resetModules()
    const fresh = await import('../../src/prf/kernels/kernels.ts')
    WebAssembly['Module'] = () => {
      throw new Error('forbidden')
    }
    try {
      expect(fresh.kernelsInUse()).toBe('javascript')
      expect(() => fresh.useKernels('wasm')).toThrow()
      expect(fresh.kernelsInUse()).toBe('javascript')
      fresh.useKernels(compiled)
      expect(fresh.kernelsInUse()).toBe('wasm')
    } finally {
      WebAssembly['Module'] = Module
    }
  })

  test.each([undefined, 'fast', 3, null])('%s is not a path', (path) => {
    expect(() => useKernels(path as never)).toThrow(/"path" expected/)
  })

  test('a module of somebody else is refused', () => {
    const { WebAssembly } = globalThis as unknown as {
      WebAssembly: { Module: new (bytes: Uint8Array) => object }
    }
    const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))
    expect(() => useKernels(empty)).toThrow(/expected the module of dyetrace/)
    expect(() => useKernels({})).toThrow()
  })
})
