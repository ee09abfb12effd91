/**
 * Charts without a browser: Observable Plot draws into a linkedom document, and what it drew is copied, element by element, into the tree of the
 * page. Plot's own style element, classes and ids stay behind; colours are variables of the page's one style.
 */
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { type Element, h, type Node, type Tag } from './markup.ts'

/** What a chart says to those who do not see it. */
export interface ChartText {
  readonly id: string
  readonly title: string
  readonly description: string
}

/** The two widths a page shows: a chart is drawn for each, so that its letters keep their size. */
export const WIDTHS = { wide: 680, narrow: 330 } as const

export type Width = keyof typeof WIDTHS

/** As many of linkedom's nodes as are read here. */
interface Drawn {
  readonly nodeType: number
  readonly nodeName: string
  readonly nodeValue: string | null
  readonly attributes: Iterable<{ readonly name: string; readonly value: string }>
  readonly childNodes: Iterable<Drawn>
}

const KEPT: ReadonlySet<string> = new Set([
  ...['transform', 'd', 'x', 'y', 'x1', 'x2', 'y1', 'y2', 'cx', 'cy', 'r', 'dx', 'dy', 'width', 'height'],
  ...['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-opacity', 'stroke-dasharray', 'opacity'],
  ...['stroke-linecap', 'stroke-linejoin', 'stroke-miterlimit', 'paint-order', 'font-variant', 'font-weight'],
  ...['font-size', 'text-anchor', 'rotate'],
])
const DRAWN_TAGS: ReadonlySet<string> = new Set(['g', 'path', 'line', 'rect', 'circle', 'text', 'tspan'])

/** A chart of one width, as an image with a title and a description. */
export function chartOf(
  options: Plot.PlotOptions,
  { id, title, description }: ChartText,
  width: Width,
): Element {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const across = WIDTHS[width]
  const drawn = Plot.plot({ ...options, width: across, document: document as never }) as unknown as Drawn
  const name = `${id}-${width}`
  return h(
    'svg',
    {
      class: width,
      viewBox: `0 0 ${across} ${options.height}`,
      role: 'img',
      'aria-labelledby': `${name}-title ${name}-text`,
      fill: 'currentColor',
      'font-size': '12',
      'text-anchor': 'middle',
    },
    h('title', { id: `${name}-title` }, title),
    h('desc', { id: `${name}-text` }, description),
    copied(drawn.childNodes),
  )
}

function copied(nodes: Iterable<Drawn>): Node[] {
  return Array.from(nodes).flatMap((node): Node[] => {
    if (node.nodeType === 3) return node.nodeValue ? [node.nodeValue] : []
    const tag = node.nodeName.toLowerCase()
    if (tag === 'style' || node.nodeType !== 1) return []
    if (!DRAWN_TAGS.has(tag)) throw new Error(`expected a shape of a chart, got "${tag}"`)
    const attributes = Array.from(node.attributes)
      .filter(({ name }) => KEPT.has(name))
      .map(({ name, value }): [string, string] => [name, shortened(value)])
    return [h(tag as Tag, Object.fromEntries(attributes), copied(node.childNodes))]
  })
}

/** Hundredths of a unit are enough, and the last bits of a logarithm differ between machines. */
function shortened(value: string): string {
  return value.replace(/-?\d+\.\d{3,}(e-?\d+)?/g, (digits) =>
    String(Math.round(100 * Number(digits)) / 100 + 0),
  )
}
