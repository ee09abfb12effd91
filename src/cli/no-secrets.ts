/**
 * Words of a command line are seen by everybody on the machine (`ps`) and stay in the shell's history. So no option takes a key, and what looks like
 * one is refused before anything else reads it, without being shown.
 */
import { InputError } from './exit.ts'

/** Options that people try, of other programs. */
const NEVER_OPTIONS =
  /^--?(api-?key|token|access-?token|auth|authorization|bearer|password|passwd|secret|master|mark-?key|private-?key|hex-?key|key-?(hex|value|bytes|material))(=|$)/i

const LOOKS_LIKE_A_KEY: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/^(0x)?[0-9a-f]{32,}$/i, '32 or more hex digits'],
  [/^[A-Za-z0-9_+/-]{42,44}={0,2}$/, '32 bytes in base64'],
  [/^-?\d{15,}$/, 'an integer of 15 digits or more'],
  [/^(sk|pk|rk|hf|gsk|xai|key|bearer)[-_ ][A-Za-z0-9_-]{12,}$/i, 'an API key'],
  [/^eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+/, 'an access token'],
  [/"(k|salt|routeKey|key|key_b|keys|secret_key|hashing_key)"\s*:/, 'the content of a key file'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, 'a private key'],
]

/** Refuses key material among the words, naming the place only. */
export function assertNoSecrets(args: readonly string[]): void {
  for (const [i, word] of args.entries()) {
    const where = `argument ${i + 1}`
    if (NEVER_OPTIONS.test(word))
      throw new InputError(
        `${where}: expected no option for a secret, got one. Keys come from files (--key FILE), API keys from an environment variable (--api-key-env NAME): arguments are seen by other users and kept in the shell's history`,
      )
    const what = secretIn(word)
    if (what !== undefined)
      throw new InputError(
        `${where}: expected no key on the command line, got what looks like one (${what}); it is not shown. Arguments are seen by other users and kept in the shell's history: consider it known. Keys come from files`,
      )
  }
}

function secretIn(word: string): string | undefined {
  const values = word.startsWith('-') && word.includes('=') ? [word.slice(word.indexOf('=') + 1)] : [word]
  for (const value of values) {
    // A file of such a name is a file: digests name them.
    if (/[./\\]/.test(value) && !/[{"]|^eyJ/.test(value) && !/^[A-Za-z0-9+/]{43}=$/.test(value)) continue
    const found = LOOKS_LIKE_A_KEY.find(([pattern]) => pattern.test(value))
    if (found) return found[1]
  }
  return undefined
}
