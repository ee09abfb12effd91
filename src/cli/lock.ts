/** One writer at a time: two collectors in one case would spend twice and break the chain of answers. */
import { open, rm } from 'node:fs/promises'
import type { Environment } from './environment.ts'
import { InputError, UnfinishedError } from './exit.ts'
import { at, codeOf, named, readRegular } from './files.ts'

/** Holds a lock while `work` runs. A lock of a process that is gone is taken over. */
export async function locked<T>(environment: Environment, path: string, work: () => Promise<T>): Promise<T> {
  const real = at(environment, path)
  for (let tries = 0; ; tries++) {
    try {
      const file = await open(real, 'wx')
      await file.writeFile(String(process.pid))
      await file.close()
      break
    } catch (error) {
      if (codeOf(error) !== 'EEXIST')
        throw new UnfinishedError(`lock ${named(path)}: could not be written (${codeOf(error)})`)
      if ((await isAlive(real)) || tries > 0)
        throw new InputError(
          `lock ${named(path)}: expected that nobody else collects in this case, got a process that does; if it was on another machine and is gone, delete the file`,
        )
      await rm(real, { force: true })
    }
  }
  try {
    return await work()
  } finally {
    await rm(real, { force: true })
  }
}

async function isAlive(real: string): Promise<boolean> {
  try {
    const bytes = await readRegular(real, { name: 'lock', refuseLinks: true, mostBytes: 64 })
    const pid = Number(new TextDecoder().decode(bytes))
    // A lock that is being written is nobody's to take.
    if (!Number.isSafeInteger(pid) || pid < 1) return true
    process.kill(pid, 0)
    return true
  } catch (error) {
    // What is no file was not laid by a process of ours, and is not deleted.
    return error instanceof InputError || codeOf(error) === 'EPERM'
  }
}
