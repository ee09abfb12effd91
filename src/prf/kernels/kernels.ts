/**
 * The kernels: what marking and scoring spend their time on, compiled to WebAssembly with 128-bit vectors. They give the same bits as the JavaScript beside them,
 * which is what runs where there is no WebAssembly, where compiling from bytes is forbidden and for small calls; nothing else depends on which of the two ran.
 *
 * One instance a thread, made at the first call that is large enough. Its memory holds a key only while a call runs.
 */
import { describe } from '../../assert.ts'
import { MODULE } from './module.ts'

/** auto: WebAssembly where the engine can; javascript, wasm: always. */
export type KernelChoice = 'auto' | 'javascript' | 'wasm'

/** The module's functions, as assembly/index.ts exports them; addresses and counts are numbers. */
type KernelFunctions = Readonly<Record<string, (...values: number[]) => number>>

/** Where a call finds its memory. The key, nonce and state live below `data`, and nothing of them survives the call. */
export interface Kernels {
  readonly call: KernelFunctions
  /** Addresses: 32 bytes of key, 16 of nonce, 256 of state, 256 of blocks; then free room. */
  readonly at: {
    readonly key: number
    readonly nonce: number
    readonly state: number
    readonly blocks: number
    readonly data: number
  }
  /** Makes sure of so many bytes from `data` on. Views from before are void. */
  reserve(bytes: number): void
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  readonly floats: Float32Array
  readonly doubles: Float64Array
  /** Writes key and nonce. */
  load(key: Uint32Array, nonce?: ArrayLike<number>): void
  /** Overwrites key, nonce, state and blocks. */
  wipe(): void
}

interface WasmApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

let choice: KernelChoice | object = 'auto'
let instance: Kernels | undefined
// After a failure auto does not try again: it costs more than it could gain.
let isKnown = false

/**
 * Chooses how marks and scores are computed from here on, for the whole process (thread).
 * @param path auto; javascript or wasm to force one; or a compiled WebAssembly.Module of `dyetrace/kernels.wasm`, for runtimes that forbid
 * compiling from bytes.
 * @throws TypeError for anything else; Error where wasm is forced and the engine cannot (no 128-bit vectors, compiling forbidden).
 * @example
 * import { kernelsInUse, useKernels } from 'dyetrace'
 * useKernels('javascript')
 * kernelsInUse() // 'javascript'
 */
export function useKernels(path: KernelChoice | object): void {
  const isModule = typeof path === 'object' && path !== null
  if (!isModule && path !== 'auto' && path !== 'javascript' && path !== 'wasm')
    throw new TypeError(
      `"path" expected 'auto', 'javascript', 'wasm' or a WebAssembly.Module, got ${describe(path)}`,
    )
  const made = isModule ? instantiate(path) : path === 'wasm' ? (instance ?? compile()) : instance
  choice = path
  instance = made
  isKnown = made !== undefined
}

/** Which of the two computes: after `useKernels('auto')`, what the engine can. */
export function kernelsInUse(): 'javascript' | 'wasm' {
  return kernels() ? 'wasm' : 'javascript'
}

/** The kernels; undefined where JavaScript is to be used. */
export function kernels(): Kernels | undefined {
  if (choice === 'javascript') return undefined
  if (!isKnown) {
    isKnown = true
    try {
      instance = compile()
    } catch {
      // No vectors, or compiling is forbidden: the other path gives the same bits.
    }
  }
  return instance
}

function compile(): Kernels {
  const { Module } = api()
  return instantiate(new Module(Uint8Array.from(atob(MODULE), (c) => c.charCodeAt(0))))
}

function api(): WasmApi {
  const { WebAssembly } = globalThis as { WebAssembly?: WasmApi }
  if (!WebAssembly) throw new Error('expected an engine with WebAssembly, got one without')
  return WebAssembly
}

const KEY_BYTES = 32
const NONCE_BYTES = 16
const STATE_BYTES = 256
const PAGE = 65536

function instantiate(module: object): Kernels {
  // The module's words are little-endian, those of a typed array the machine's.
  if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1)
    throw new Error('expected a little-endian machine for WebAssembly, got another')
  const { exports } = new (api().Instance)(module)
  const { memory, firstFree } = exports as {
    memory?: { readonly buffer: ArrayBuffer; grow(pages: number): number }
    firstFree?: () => number
  }
  if (!memory || !firstFree)
    throw new TypeError('"path" expected the module of dyetrace/kernels.wasm, got another one')
  // Aligned for vectors.
  const key = Math.ceil(firstFree() / 64) * 64
  const nonce = key + KEY_BYTES
  const state = nonce + NONCE_BYTES + 16
  const blocks = state + STATE_BYTES
  const data = blocks + STATE_BYTES
  let views = viewsOf(memory.buffer)
  const fresh = (): ReturnType<typeof viewsOf> => {
    // Growing detaches the buffer, and every view of it.
    if (views.bytes.buffer !== memory.buffer) views = viewsOf(memory.buffer)
    return views
  }
  return {
    call: exports as KernelFunctions,
    at: { key, nonce, state, blocks, data },
    reserve(bytes) {
      const missing = data + bytes - memory.buffer.byteLength
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE))
    },
    get bytes() {
      return fresh().bytes
    },
    get words() {
      return fresh().words
    },
    get floats() {
      return fresh().floats
    },
    get doubles() {
      return fresh().doubles
    },
    load(keyWords, nonceWords = []) {
      const { words } = fresh()
      words.set(keyWords, key >>> 2)
      words.set(nonceWords, nonce >>> 2)
    },
    wipe() {
      fresh().bytes.fill(0, key, data)
    },
  }
}

function viewsOf(buffer: ArrayBuffer): {
  bytes: Uint8Array
  words: Uint32Array
  floats: Float32Array
  doubles: Float64Array
} {
  return {
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer),
    floats: new Float32Array(buffer),
    doubles: new Float64Array(buffer),
  }
}
