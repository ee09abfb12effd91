/**
 * What went wrong with one request. Made from a few facts, never from the client's own error, which holds the request with its headers and so
 * the API key.
 */

/**
 * refused: asked again, it would be refused again. busy: not now. timeout, network: it is not known whether the model was asked. unreadable: an
 * answer came that is none. aborted: the caller's signal.
 */
export type SuspectErrorKind = 'refused' | 'busy' | 'timeout' | 'network' | 'unreadable' | 'aborted'

/** A request without an answer. */
export class SuspectError extends Error {
  override readonly name: string = 'SuspectError'
  readonly kind: SuspectErrorKind
  /** Whether the model may have been asked, so that the request counts against a budget. */
  readonly charged: boolean
  readonly status: number | undefined

  constructor(
    message: string,
    about: { readonly kind: SuspectErrorKind; readonly charged: boolean; readonly status?: number },
  ) {
    super(message)
    this.kind = about.kind
    this.charged = about.charged
    this.status = about.status
  }
}

/** An answer that is none: it was paid for. */
export function unreadable(expected: string, got: string): SuspectError {
  return new SuspectError(`suspect expected to give ${expected}, got ${got}`, {
    kind: 'unreadable',
    charged: true,
  })
}
