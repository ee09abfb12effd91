/**
 * Markup as a tree of plain records and the one function that writes it out. Element and attribute names are ours, from closed lists; words are
 * escaped and made visible where they are written, so no text can become markup, whichever way it came here.
 */
import { APART, shown } from './shown.ts'

/** An element, or text. */
export type Node = Element | string

/** An element of the page. */
export interface Element {
  readonly tag: Tag
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Node[]
}

const HTML_TAGS = [
  'article',
  'bdi',
  'body',
  'dd',
  'div',
  'dl',
  'dt',
  'figcaption',
  'figure',
  'footer',
  'h1',
  'h2',
  'h3',
  'head',
  'header',
  'html',
  'li',
  'meta',
  'p',
  'pre',
  'section',
  'span',
  'style',
  'table',
  'tbody',
  'td',
  'th',
  'thead',
  'title',
  'tr',
  'ul',
] as const
const SVG_TAGS = ['svg', 'g', 'path', 'line', 'rect', 'circle', 'text', 'tspan', 'desc'] as const

export type Tag = (typeof HTML_TAGS)[number] | (typeof SVG_TAGS)[number]

export const TAGS: ReadonlySet<string> = new Set([...HTML_TAGS, ...SVG_TAGS])
const VOID: ReadonlySet<string> = new Set(['meta'])
/** Nothing here loads, links, runs or styles. */
export const ATTRIBUTES: ReadonlySet<string> = new Set([
  ...['class', 'id', 'lang', 'charset', 'name', 'content', 'http-equiv', 'scope', 'role'],
  ...['aria-labelledby', 'viewBox', 'width', 'height', 'transform'],
  ...['d', 'x', 'y', 'dx', 'dy', 'x1', 'x2', 'y1', 'y2', 'cx', 'cy', 'r', 'fill', 'stroke', 'fill-opacity'],
  ...['stroke-width', 'stroke-opacity', 'stroke-dasharray', 'stroke-linecap', 'stroke-linejoin', 'opacity'],
  ...[
    'stroke-miterlimit',
    'font-size',
    'font-family',
    'font-variant',
    'font-weight',
    'text-anchor',
    'rotate',
  ],
  ...['paint-order'],
])

/** Longest text of one place that is written; what may be longer is cut by whoever shows it. */
const MOST = 4000

/** An element. Children that are absent are left out. */
export function h(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | undefined | readonly (Node | undefined)[])[]
): Element {
  return { tag, attributes, children: children.flat().filter((child) => child !== undefined) as Node[] }
}

/** The element as text. @throws Error for a name that is not on the lists. */
export function markupOf(node: Node): string {
  if (typeof node === 'string') return textOf(node)
  const { tag, attributes, children } = node
  if (!TAGS.has(tag)) throw new Error(`expected an element of the page, got "${tag}"`)
  const opening = Object.entries(attributes).map(([name, value]) => {
    if (!ATTRIBUTES.has(name)) throw new Error(`expected an attribute of the page, got "${name}"`)
    if (/url\s*\(/i.test(value)) throw new Error(`expected no address in "${name}"`)
    return ` ${name}="${escapeText(isPath(name) ? value : shown(value, { most: MOST }))}"`
  })
  if (VOID.has(tag)) return `<${tag}${opening.join('')}>`
  const inside = tag === 'style' ? styleOf(children) : children.map(markupOf).join('')
  return `<${tag}${opening.join('')}>${inside}</${tag}>`
}

const APART_PARTS = new RegExp(`${APART.open}([^${APART.open}${APART.close}]*)${APART.close}`)

function textOf(text: string): string {
  const parts = text.split(APART_PARTS).map((part) => escapeText(shown(part, { most: MOST, lines: true })))
  return parts.map((part, i) => (i % 2 === 0 ? part : `<bdi>${part}</bdi>`)).join('')
}

/** Coordinates are ours, and may be long. */
function isPath(name: string): boolean {
  return name === 'd' || name === 'content'
}

// Text inside of <style> is not escaped: only ours may be there.
function styleOf(children: readonly Node[]): string {
  const text = children.join('')
  if (/[<&]/.test(text)) throw new Error('expected a style without markup')
  return text
}

const ESCAPED: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPED[character]!)
}
