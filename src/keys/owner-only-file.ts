/**
 * Files that hold secrets: readable by their owner only, and whole or not there. Node only. A file that others can read is refused,
 * because a key that others could read is a key that others may have. Errors name the file and the reason, never its content.
 */
import { constants } from 'node:fs'
import { lstat, open, realpath, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { utf8ToBytes } from '../bytes.ts'

const OWNER_ONLY = 0o600
const OTHERS = 0o077
// Reading a pipe that nobody writes to would wait for ever. Windows has neither the flag nor such files.
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)
// Far more than a ring of ten thousand layers; what is larger is another file, and could fill the memory.
const MAX_BYTES = 64 * 2 ** 20

type File = Awaited<ReturnType<typeof open>>

/** What a file is called in messages, such as "key file". */
interface What {
  readonly what: string
}

/**
 * The text of a file that nobody but its owner can read.
 * @throws Error if it cannot be read, is no file, or is open to others.
 */
export async function readOwnerOnly(path: string, { what }: What): Promise<string> {
  let file: File
  try {
    file = await open(path, READ)
  } catch (error) {
    throw new Error(`${what} ${path}: could not be read (${codeOf(error)})`)
  }
  try {
    // Asked of the open file, not of the path, so that the file cannot be exchanged in between.
    const stat = await file.stat()
    if (stat.isDirectory()) throw new Error(`${what} ${path}: expected a file, got a directory`)
    if (!stat.isFile()) throw new Error(`${what} ${path}: expected a file, got a pipe or device`)
    // Windows has no such bits: every file shows 0o666 there, and access is a matter of its own lists.
    if (process.platform !== 'win32' && (stat.mode & OTHERS) !== 0)
      throw new Error(
        `${what} ${path}: expected mode 600, got ${(stat.mode & 0o777).toString(8)}: others can read or write it. Run: chmod 600 ${path}; and consider the key known`,
      )
    assertSize(stat.size, `${what} ${path}`)
    return await file.readFile('utf8').catch((error: unknown) => {
      throw new Error(`${what} ${path}: could not be read (${codeOf(error)})`)
    })
  } finally {
    await file.close()
  }
}

// Asked before writing, too: what could not be read again would be lost.
function assertSize(bytes: number, name: string): void {
  if (bytes > MAX_BYTES) throw new Error(`${name}: expected at most ${MAX_BYTES} bytes, got ${bytes}`)
}

/**
 * Writes a new file. The name is claimed before the text is written, so nothing is overwritten; the text comes by renaming, so it is
 * never half there.
 * @throws Error if there is a file of that name, or it cannot be written; then the name is free again.
 */
export async function createOwnerOnly(path: string, text: string, { what }: What): Promise<void> {
  let claimed = false
  const claim = async (): Promise<string> => {
    const file = await open(path, 'wx', OWNER_ONLY).catch((error: unknown) => {
      if (codeOf(error) === 'EEXIST')
        throw new Error(`${what} ${path}: expected no file of that name, got one; a key is never overwritten`)
      throw new Error(`${what} ${path}: could not be written (${codeOf(error)})`)
    })
    claimed = true
    await file.close()
    return text
  }
  await writeBeside(path, {
    what,
    // Other writers are kept out by now. A claim made before could be renamed over by one of them, and giving it up would delete theirs.
    text: claim,
    undo: async () => {
      if (claimed) await rm(path, { force: true })
    },
  })
}

/**
 * Writes a file anew, or for the first time: beside it, then renamed onto it, so that whoever reads it and whatever goes wrong finds
 * the old text or the new one. Through a link it is the file that is replaced.
 * @param next is given the old text, undefined if there is none, and gives the new one. Other writers are kept out meanwhile.
 * @throws Error if the file is open to others or cannot be written, and what `next` throws; the old file then stays.
 */
export async function replaceOwnerOnly(
  path: string,
  { what, next }: What & { next: (old: string | undefined) => string },
): Promise<void> {
  const target = await targetOf(path, what)
  await writeBeside(target, {
    what,
    text: async () => next((await exists(target)) ? await readOwnerOnly(target, { what }) : undefined),
  })
}

async function writeBeside(
  target: string,
  { what, text, undo }: What & { text: () => Promise<string>; undo?: () => Promise<void> },
): Promise<void> {
  // One name for all writers: it keeps a second one out until the first is done.
  const temporary = `${target}.new`
  let file: File
  try {
    file = await open(temporary, 'wx', OWNER_ONLY)
  } catch (error) {
    if (codeOf(error) === 'EEXIST')
      throw new Error(
        `${what} ${target}: expected no ${temporary}, got one: somebody is writing, or was cut off; in the second case delete it`,
      )
    throw new Error(`${what} ${target}: could not be written (${codeOf(error)})`)
  }
  try {
    const name = `${what} ${target}`
    await fill(file, await settled(file, { text, name }), name)
    await rename(temporary, target).catch((error: unknown) => {
      throw new Error(`${what} ${target}: could not be written (${codeOf(error)})`)
    })
  } catch (error) {
    // In this order: until the last one other writers are kept out.
    await undo?.()
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(target))
}

async function settled(
  file: File,
  { text, name }: { text: () => Promise<string>; name: string },
): Promise<string> {
  try {
    const settledText = await text()
    assertSize(Buffer.byteLength(settledText), name)
    return settledText
  } catch (error) {
    await file.close()
    throw error
  }
}

async function fill(file: File, text: string, name: string): Promise<void> {
  // Encoded here: of a short string the file system makes a buffer in the pool that all small buffers share, and whoever clones or posts
  // another of them sends the keys along.
  const bytes = utf8ToBytes(text)
  try {
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      bytes.fill(0)
      await file.close()
    }
  } catch (error) {
    throw new Error(`${name}: could not be written (${codeOf(error)})`)
  }
}

// The file is in place by now; what is left is that the folder's entry outlives a power cut. Windows cannot open a folder.
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch {
    // Not worth an error: the caller would think that the old file is still there.
  }
}

async function targetOf(path: string, what: string): Promise<string> {
  if (!(await exists(path))) return path
  try {
    return await realpath(path)
  } catch (error) {
    throw new Error(`${what} ${path}: could not be read (${codeOf(error)})`)
  }
}

/** True for a link to nothing too. */
async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    // Whatever it is, reading it will say so.
    return true
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error'
}
