/** One writer at a time: two collectors in one case would spend twice and break the chain of answers. */
import { readFileSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import type { Environment } from './environment.ts'
import { InputError, UnfinishedError } from './exit.ts'
import { at, codeOf, named } from './files.ts'

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
      if (isAlive(real) || tries > 0)
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

function isAlive(real: string): boolean {
  try {
    const pid = Number(readFileSync(real, 'utf8'))
    // A lock that is being written is nobody's to take.
    if (!Number.isSafeInteger(pid) || pid < 1) return true
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}
