/**
 * What a mark that is not found could have been made or read with instead: variations of one field of the configuration, in words and as a
 * change of a setup. The doctor (doctor.ts) tries them. Changes know nothing of keys, scores or p-values.
 *
 * Fields that are part of the mark key's name (scheme, gamma, width, lanes, tokenizer, label) can be varied only with the master key, from
 * which each variation derives a key of its own.
 */
import { MAX_CONTEXT_WIDTH } from '../context.ts'
import type { Digest } from '../digest.ts'
import type {
  GreenListOptions,
  GumbelOptions,
  Layer,
  LayerOptions,
  TournamentOptions,
} from '../keys/profile.ts'
import { type TokenStrings, tokenizerDigest } from '../text/tokenizer-digest.ts'
import type { TokenDocument } from './countable.ts'

/** What a variation changes. */
export type Field =
  | 'layer'
  | 'label'
  | 'shares'
  | 'lane'
  | 'lanes'
  | 'scheme'
  | 'gamma'
  | 'rounds'
  | 'contextWidth'
  | 'tokenizer'
  | 'promptLength'
  | 'beginOfText'
  | 'ids'
  | 'order'

/** How documents are read and under which mark they are scored. */
export interface Setup {
  readonly documents: readonly Required<TokenDocument>[]
  readonly scheme: GreenListOptions | GumbelOptions | TournamentOptions
  readonly contextWidth: number
  readonly tokenizer: Digest
  /** The layer with `label`, and one of each other role beside it. */
  readonly layers: readonly LayerOptions[]
  readonly label: string
  /** Lanes of that layer to be scored. */
  readonly lanes: readonly number[]
}

/** One variation, and what to do if it is the one. */
export interface Change {
  readonly field: Field
  readonly says: string
  readonly remedy: string
  /** The varied setup, or undefined where it would be the same or is none that a profile allows. */
  apply(setup: Setup): Setup | undefined
}

/** What is known beside the setup. */
export interface Hints {
  /** All layers of the profile. */
  readonly layers: readonly Layer[]
  /** Labels that may have served, beside those of the profile. */
  readonly labels: readonly string[]
  /** Token strings of tokenizers that may be involved. */
  readonly tokenizers: readonly TokenStrings[]
  readonly beginOfText: number | undefined
}

const BLOCK_BITS = 512
/** Fractions of green tokens that people use; all others are tried too, but not in pairs. */
const COMMON_GAMMAS: readonly number[] = [1 / 2, 1 / 4, 1 / 8]
/** Ids that special tokens before or after the vocabulary, or counting from 1, may have shifted. */
const OFFSETS: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((offset) => [-offset, offset])
/** Pairs of variations are tried with so many layers at most: hundreds of labels would pay for little. */
const LAYERS_IN_PAIRS = 8

/** The first of each tries all that the second would: a layer in all of its lanes, its label among those of the profile. */
const CONTAINED: readonly (readonly [Field, Field])[] = [
  ['layer', 'lane'],
  ['layer', 'label'],
]

/** All variations of one field, the likelier ones first. */
export function singleChanges(setup: Setup, hints: Hints): readonly Change[] {
  return [...markChanges(setup, hints), ...readingChanges(setup, hints)]
}

/** Two variations of different fields at once, from those that are few and happen together. */
export function pairedChanges(setup: Setup, hints: Hints): readonly (readonly [Change, Change])[] {
  const marks = [
    ...layerChanges(setup, hints).slice(0, LAYERS_IN_PAIRS),
    ...labelChanges(hints).slice(0, LAYERS_IN_PAIRS),
    laneChange(setup),
    ...widthChanges(),
    ...gammaChanges(setup, COMMON_GAMMAS),
    ...tokenizerChanges(setup, hints),
  ]
  const readings = readingChanges(setup, hints)
  return marks.flatMap((a, i) =>
    [...marks.slice(i + 1), ...readings]
      .filter((b) => b.field !== a.field && !CONTAINED.some(([x, y]) => x === a.field && y === b.field))
      .map((b) => [a, b] as const),
  )
}

/** The layer of a label, with its lanes, and the first label of each other role: all that keys and routing depend on. */
export function servingLayers(layers: readonly Layer[], label: string): readonly LayerOptions[] {
  const target = layers.find((layer) => layer.label === label)!
  const roles = [...new Set(layers.map(({ role }) => role))]
  return roles.map((role) => {
    const layer = role === target.role ? target : layers.find((other) => other.role === role)!
    return { role, label: layer.label, share: layer.share, lanes: layer === target ? target.lanes : 1 }
  })
}

function markChanges(setup: Setup, hints: Hints): Change[] {
  return [
    ...layerChanges(setup, hints),
    ...labelChanges(hints),
    laneChange(setup),
    ...widthChanges(),
    ...gammaChanges(
      setup,
      Array.from({ length: 255 }, (_, i) => (i + 1) / 256),
    ),
    ...roundsChanges(setup),
    ...lanesChanges(),
    sharesChange(),
    ...schemeChanges(setup),
    ...tokenizerChanges(setup, hints),
  ]
}

function readingChanges(setup: Setup, hints: Hints): Change[] {
  return [
    ...promptChanges(),
    ...beginOfTextChanges(hints),
    ...offsetChanges(),
    ...translations(setup, hints),
    ...orderChanges(),
    ...preambleChanges(),
  ]
}

function layerChanges(setup: Setup, { layers }: Hints): Change[] {
  return layers
    .filter(({ label }) => label !== setup.label)
    .map(({ role, label, lanes }) => ({
      field: 'layer',
      says: `under the layer ${role} ${label}`,
      remedy: `detect with the key of layer ${role} ${label}`,
      apply: (s) => ({ ...s, label, layers: servingLayers(layers, label), lanes: upTo(lanes) }),
    }))
}

function labelChanges({ labels, layers }: Hints): Change[] {
  const unknown = labels.filter((label) => !layers.some((layer) => layer.label === label))
  return unknown.map((label) => ({
    field: 'label',
    says: `under the label ${label}, which the profile does not have`,
    remedy: `detect with the profile that had a layer ${label}`,
    apply: (s) => withTarget({ ...s, label }, s.label, (layer) => ({ ...layer, label })),
  }))
}

function laneChange({ lanes }: Setup): Change {
  return {
    field: 'lane',
    says: 'in another lane',
    remedy: "look the account's lane up in the ledger, and pass it as options.lane",
    apply(setup) {
      const others = upTo(targetOf(setup).lanes ?? 1).filter((lane) => !lanes.includes(lane))
      return others.length === 0 ? undefined : { ...setup, lanes: others }
    },
  }
}

function lanesChanges(): Change[] {
  const counts = Array.from({ length: 10 }, (_, i) => 2 ** i)
  return counts.map((lanes) => ({
    field: 'lanes',
    says: `with ${lanes} lanes`,
    remedy: `detect with the profile whose layer has ${lanes} lanes`,
    apply: (setup) =>
      targetOf(setup).lanes === lanes
        ? undefined
        : whereLanesFit({
            ...withTarget(setup, setup.label, (layer) => ({ ...layer, lanes })),
            lanes: upTo(lanes),
          }),
  }))
}

function sharesChange(): Change {
  return {
    field: 'shares',
    says: 'in contexts that the profile gives to other layers as well',
    remedy: 'detect with the profile that served: its layers had other shares or another order',
    apply: (setup) => (setup.layers.length === 1 ? undefined : { ...setup, layers: [alone(setup)] }),
  }
}

function widthChanges(): Change[] {
  return upTo(MAX_CONTEXT_WIDTH + 1).map((contextWidth) => ({
    field: 'contextWidth',
    says: `with contextWidth ${contextWidth}`,
    remedy: `detect with the profile of contextWidth ${contextWidth}`,
    apply(setup) {
      if (setup.contextWidth === contextWidth) return undefined
      if (contextWidth > 0) return { ...setup, contextWidth }
      // One context for everything, which layers cannot share and only green lists can mark more than once.
      return setup.scheme.scheme === 'green-list'
        ? { ...setup, contextWidth, layers: [alone(setup)] }
        : undefined
    },
  }))
}

function gammaChanges({ scheme }: Setup, gammas: readonly number[]): Change[] {
  if (scheme.scheme !== 'green-list') return []
  return gammas
    .filter((gamma) => gamma !== scheme.gamma)
    .map((gamma) => ({
      field: 'gamma',
      says: `with gamma ${gamma === 1 / 2 ? '1/2' : `${gamma * 256}/256`}`,
      remedy: `detect with the profile of gamma ${gamma}`,
      apply: (setup) => whereLanesFit({ ...setup, scheme: { ...scheme, gamma } }),
    }))
}

function roundsChanges({ scheme }: Setup): Change[] {
  if (scheme.scheme !== 'tournament') return []
  return upTo(30)
    .map((i) => i + 1)
    .filter((rounds) => rounds !== scheme.rounds)
    .map((rounds) => ({
      field: 'rounds',
      says: `with ${rounds} rounds`,
      remedy: `detect with the profile of ${rounds} rounds`,
      apply: (setup) => ({ ...setup, scheme: { ...scheme, rounds } }),
    }))
}

function schemeChanges({ scheme }: Setup): Change[] {
  // The strength is no part of the key.
  const others: Setup['scheme'][] = [
    ...COMMON_GAMMAS.map((gamma) => ({ scheme: 'green-list' as const, gamma, delta: 1 })),
    { scheme: 'gumbel' },
    { scheme: 'tournament', rounds: 30 },
  ]
  return others
    .filter((other) => other.scheme !== scheme.scheme)
    .map((other) => ({
      field: 'scheme',
      says: `as a ${nameOf(other)} mark`,
      remedy: `detect with the profile of the ${nameOf(other)} mark`,
      apply: (setup) => (setup.contextWidth === 0 ? undefined : whereLanesFit({ ...setup, scheme: other })),
    }))
}

function nameOf(scheme: Setup['scheme']): string {
  switch (scheme.scheme) {
    case 'green-list':
      return `green-list (gamma ${scheme.gamma})`
    case 'gumbel':
      return 'gumbel'
    case 'tournament':
      return `tournament (${scheme.rounds} rounds)`
  }
}

function tokenizerChanges(setup: Setup, { tokenizers }: Hints): Change[] {
  const digests = tokenizers.map(tokenizerDigest).filter((digest) => digest !== setup.tokenizer)
  return [...new Set(digests)].map((tokenizer) => ({
    field: 'tokenizer',
    says: `with keys made for the tokenizer ${tokenizer}`,
    remedy: `detect with the profile for the tokenizer ${tokenizer}; the ids are right as they are`,
    apply: (s) => ({ ...s, tokenizer }),
  }))
}

function promptChanges(): Change[] {
  const shifted = (by: number): Change => ({
    field: 'promptLength',
    says: `with promptLength one id ${by < 0 ? 'shorter' : 'longer'}`,
    remedy: `${by < 0 ? 'subtract 1 from' : 'add 1 to'} promptLength: a begin-of-text or template token is counted wrongly`,
    apply: (setup) => withPrompts(setup, ({ promptLength }) => promptLength + by),
  })
  return [
    {
      field: 'promptLength',
      says: 'where the prompt was said to be',
      remedy:
        'pass promptLength 0: the ids hold no prompt any more, or its length was counted in another unit',
      apply: (setup) => withPrompts(setup, () => 0),
    },
    shifted(-1),
    shifted(1),
  ]
}

/** Last: in short documents they leave the same pairs as changes that say more. */
function preambleChanges(): Change[] {
  return [1, 2, 3].map((quarters) => ({
    field: 'promptLength',
    says: `only after the first ${['quarter', 'half', 'three quarters'][quarters - 1]} of what was given as generated`,
    remedy: 'give promptLength: the documents begin with text that was not marked, such as the prompt',
    apply: (setup) =>
      withPrompts(setup, ({ ids, promptLength }) =>
        Math.ceil(promptLength + (quarters / 4) * (ids.length - promptLength)),
      ),
  }))
}

function beginOfTextChanges({ beginOfText }: Hints): Change[] {
  const missing: Change = {
    field: 'beginOfText',
    says: `behind the begin-of-text id ${beginOfText}, which the documents lack`,
    remedy: `put id ${beginOfText} in front of each document, as the host had it, and count it into promptLength`,
    apply: (setup) => ({
      ...setup,
      documents: setup.documents.map(({ ids, promptLength, skip }) => ({
        ids: [beginOfText!, ...ids],
        promptLength: promptLength + 1,
        skip: skip.map((position) => position + 1),
      })),
    }),
  }
  const extra: Change = {
    field: 'beginOfText',
    says: 'without the id that all documents begin with',
    remedy: 'take the first id off each document: the host did not have it',
    apply(setup) {
      const [first] = setup.documents.map(({ ids }) => ids[0])
      if (first === undefined || setup.documents.some(({ ids }) => ids[0] !== first)) return undefined
      return {
        ...setup,
        documents: setup.documents.map(({ ids, promptLength, skip }) => ({
          ids: ids.slice(1),
          promptLength: Math.max(0, promptLength - 1),
          skip: skip.filter((position) => position > 0).map((position) => position - 1),
        })),
      }
    },
  }
  return beginOfText === undefined ? [extra] : [missing, extra]
}

function offsetChanges(): Change[] {
  return OFFSETS.map((offset) => ({
    field: 'ids',
    says: `with ${offset > 0 ? `${offset} added to` : `${-offset} taken from`} every id`,
    remedy: `${offset > 0 ? `add ${offset} to` : `subtract ${-offset} from`} every id: they are counted from another start`,
    apply: (setup) => withIds(setup, (id) => id + offset),
  }))
}

function translations(setup: Setup, { tokenizers }: Hints): Change[] {
  const own = tokenizers.find((tokens) => tokenizerDigest(tokens) === setup.tokenizer)
  if (!own) return []
  const idOf = new Map(own.flatMap((piece, id) => (piece === null ? [] : [[piece, id] as const])))
  return tokenizers
    .filter((tokens) => tokens !== own)
    .map((tokens) => ({
      field: 'tokenizer',
      says: `once ids of the tokenizer ${tokenizerDigest(tokens)} are read as the same pieces of the profile's`,
      remedy: "encode the text with the profile's tokenizer: the ids are another's",
      apply: (s) => withIds(s, (id) => idOf.get(tokens[id] ?? '')),
    }))
}

function orderChanges(): Change[] {
  const change = (says: string, apply: Change['apply']): Change => ({
    field: 'order',
    says,
    remedy: 'pass ids oldest first',
    apply,
  })
  return [
    change('with all ids in reverse order', (setup) => withOrder(setup, (places) => places.reverse())),
    change('with the generated ids in reverse order', (setup) =>
      setup.documents.every(({ promptLength }) => promptLength === 0)
        ? undefined
        : withOrder(setup, (places, promptLength) => [
            ...places.slice(0, promptLength),
            ...places.slice(promptLength).reverse(),
          ]),
    ),
  ]
}

function withOrder(setup: Setup, order: (places: number[], promptLength: number) => number[]): Setup {
  const documents = setup.documents.map(({ ids, promptLength, skip }) => {
    const places = order(upTo(ids.length), promptLength)
    const lost = new Set(skip)
    return {
      ids: places.map((place) => ids[place]!),
      promptLength,
      skip: upTo(ids.length).filter((i) => lost.has(places[i]!)),
    }
  })
  return { ...setup, documents }
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function targetOf({ layers, label }: Setup): LayerOptions {
  return layers.find((layer) => layer.label === label)!
}

/** The target as a mark's only layer: every context is its own, and its key is the same. */
function alone(setup: Setup): LayerOptions {
  const { role, label, lanes = 1 } = targetOf(setup)
  return { role, label, lanes }
}

function withTarget(setup: Setup, label: string, change: (layer: LayerOptions) => LayerOptions): Setup {
  return {
    ...setup,
    layers: setup.layers.map((layer) => (layer.label === label ? change(layer) : layer)),
  }
}

/** A block of 512 bits is divided evenly among lanes. */
function whereLanesFit(setup: Setup): Setup | undefined {
  const { scheme } = setup
  const bits = scheme.scheme !== 'green-list' ? 32 : scheme.gamma === 1 / 2 ? 1 : 8
  return BLOCK_BITS % (bits * (targetOf(setup).lanes ?? 1)) === 0 ? setup : undefined
}

function withPrompts(
  setup: Setup,
  lengthOf: (document: Required<TokenDocument>) => number,
): Setup | undefined {
  const documents = setup.documents.map((document) => ({
    ...document,
    promptLength: Math.max(0, Math.min(document.ids.length, lengthOf(document))),
  }))
  const same = documents.every(({ promptLength }, d) => promptLength === setup.documents[d]!.promptLength)
  return same ? undefined : { ...setup, documents }
}

/** Ids that have no image end a document: no context reaches across them. */
function withIds(setup: Setup, imageOf: (id: number) => number | undefined): Setup | undefined {
  let same = true
  const documents = setup.documents.flatMap(({ ids, promptLength, skip }) => {
    const parts: { ids: number[]; promptLength: number; skip: number[] }[] = []
    const lost = new Set(skip)
    let open = false
    for (let i = 0; i < ids.length; i++) {
      const image = imageOf(ids[i]!)
      if (image !== ids[i]) same = false
      if (image === undefined || image < 0) {
        open = false
        continue
      }
      if (!open) parts.push({ ids: [], promptLength: 0, skip: [] })
      open = true
      const part = parts.at(-1)!
      if (lost.has(i)) part.skip.push(part.ids.length)
      part.ids.push(image)
      if (i < promptLength) part.promptLength++
    }
    return parts
  })
  return same ? undefined : { ...setup, documents }
}
