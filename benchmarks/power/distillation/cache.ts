/**
 * What takes long is kept in files, so that an interrupted run goes on where it stopped and judging can be repeated without training. The
 * folder is named by a digest of all that shapes its files: another recipe never finds them.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'

/** Where this recipe's files are. */
export interface Cache {
  has(name: string): boolean
  read(name: string): Promise<Uint8Array>
  write(name: string, bytes: Uint8Array | string): Promise<void>
}

const ROOT = new URL('../../.cache/distillation/', import.meta.url)

/** @param recipe all that shapes the files, as JSON. */
export async function openCache(recipe: unknown): Promise<Cache> {
  const digest = createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 16)
  const folder = new URL(`${digest}/`, ROOT)
  await mkdir(folder, { recursive: true })
  const file = (name: string): URL => new URL(encodeURIComponent(name.replaceAll(/[^\w.,-]+/g, '-')), folder)
  return {
    has: (name) => existsSync(file(name)),
    read: (name) => readFile(file(name)),
    async write(name, bytes) {
      // A run that is stopped in the middle of writing leaves no file that looks whole.
      const draft = file(`${name}.draft`)
      await writeFile(draft, bytes)
      await rename(draft, file(name))
    },
  }
}

/** Computes a value once: afterwards it is read back. */
export async function cachedJson<T>(cache: Cache, name: string, compute: () => Promise<T>): Promise<T> {
  if (cache.has(name)) return JSON.parse(Buffer.from(await cache.read(name)).toString('utf8'))
  const value = await compute()
  await cache.write(name, JSON.stringify(value))
  return value
}
