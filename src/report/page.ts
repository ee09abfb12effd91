/** The page: first screen, charts, sections, put together as a tree and written out once. */
import { PACKAGE } from '../case/package.ts'
import type { Answer } from './answer.ts'
import type { Chart, Numbers } from './charts.ts'
import type { Reported } from './input.ts'
import { type Element, h, markupOf, type Node } from './markup.ts'
import { type Block, type Section, sourceSaid, suspectSaid, whenSaid } from './sections.ts'
import { shown } from './shown.ts'
import { contentPolicy, STYLE } from './style.ts'
import { chartOf } from './svg.ts'

/** Everything that is on a page. */
export interface Page {
  readonly reported: Reported
  readonly answer: Answer
  readonly charts: readonly Chart[]
  readonly sections: readonly Section[]
}

/** The HTML of a page, with a line feed at its end. */
export function htmlOf(page: Page): string {
  const { reported, answer } = page
  const title = `${answer.word}: ${shown(reported.plan.suspect, { most: 80 })}`
  const tree = h(
    'html',
    { lang: 'en' },
    h(
      'head',
      {},
      h('meta', { charset: 'utf-8' }),
      h('meta', { 'http-equiv': 'Content-Security-Policy', content: contentPolicy() }),
      h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      h('meta', { name: 'referrer', content: 'no-referrer' }),
      h('title', {}, title),
      h('style', {}, STYLE),
    ),
    h(
      'body',
      {},
      h('article', {}, firstScreen(page), charts(page), page.sections.map(section), ending(page)),
    ),
  )
  return `<!doctype html>\n${markupOf(tree)}\n`
}

function firstScreen({ reported, answer }: Page): Element {
  const { name, date } = reported
  const about = [name === undefined ? undefined : `Case ${shown(name, { most: 80 })}`, date]
  const line = about.filter((part) => part !== undefined).join(' · ')
  const asked = [suspectSaid(reported), whenSaid(reported)].filter((part) => part !== undefined).join('; ')
  return h(
    'header',
    {},
    h('h1', {}, 'Was this model trained on marked text?'),
    line === '' ? undefined : h('p', { class: 'soft' }, h('bdi', {}, line)),
    h('p', { class: `badge ${answer.exploratory ? 'open' : answer.decision}`, id: 'decision' }, answer.word),
    h('p', { class: 'sentence', id: 'answer' }, h('bdi', {}, answer.sentence)),
    answer.number === undefined
      ? undefined
      : h(
          'div',
          { class: 'number', id: 'number' },
          h('span', { class: 'soft label' }, 'By chance alone, at most'),
          h('span', { class: 'odds' }, answer.number.oneIn),
          h('span', { class: 'soft' }, `log10 p = ${answer.number.log10P}`),
        ),
    answer.number === undefined ? undefined : h('p', {}, answer.number.sentence),
    answer.reasons.length === 0
      ? undefined
      : panel(
          'Why this is a hint only',
          answer.reasons.map((reason) => shown(reason)),
          'panel caution',
        ),
    answer.cautions.length === 0 ? undefined : panel('Caution', answer.cautions, 'panel caution'),
    panel('What this does not say', answer.notSaid, 'panel'),
    asked === '' ? undefined : h('p', { class: 'soft', id: 'asked' }, h('bdi', {}, `Asked: ${asked}.`)),
    h('p', { class: 'soft', id: 'source' }, sourceSaid(reported)),
  )
}

function panel(title: string, items: readonly string[], name: string): Element {
  return h(
    'section',
    { class: name },
    h('h2', {}, title),
    h(
      'ul',
      {},
      items.map((item) => h('li', {}, item)),
    ),
  )
}

function charts({ charts, answer }: Page): Element | undefined {
  if (charts.length === 0) return undefined
  return h(
    'section',
    { id: 'charts' },
    h('h2', {}, answer.decision === 'protocol-mismatch' ? 'The instrument check' : 'In pictures'),
    charts.map(figure),
  )
}

function figure(chart: Chart): Element {
  const { id, title, caption, numbers } = chart
  return h(
    'figure',
    { id },
    h('h3', {}, title),
    chartOf(chart.draw('wide'), chart, 'wide'),
    chartOf(chart.draw('narrow'), chart, 'narrow'),
    h('figcaption', {}, h('bdi', {}, caption)),
    table(numbers),
  )
}

function table({ columns, rows }: Numbers): Element {
  return h(
    'div',
    { class: 'scroll' },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          columns.map((column) => h('th', { scope: 'col' }, column)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((row) =>
          h(
            'tr',
            {},
            row.map((cell) => h('td', {}, h('bdi', {}, cell))),
          ),
        ),
      ),
    ),
  )
}

function section({ id, title, blocks }: Section): Element {
  return h('section', { id }, h('h2', {}, title), blocks.map(block))
}

function block(part: Block): Node {
  switch (part.kind) {
    case 'text':
      return h('p', {}, h('bdi', {}, part.text))
    case 'list':
      return h(
        'ul',
        {},
        part.items.map((item) => h('li', {}, h('bdi', {}, item))),
      )
    case 'facts':
      return h(
        'dl',
        {},
        part.facts.flatMap(([term, words]) => [h('dt', {}, h('bdi', {}, term)), fact(words)]),
      )
    case 'table':
      return table(part)
    case 'verbatim':
      return h('pre', {}, h('bdi', {}, part.text))
  }
}

function fact(words: string): Element {
  const isDigest = /^sha256:[0-9a-f]{64}$/.test(words)
  return h('dd', isDigest ? { class: 'digest' } : {}, h('bdi', {}, isDigest ? words : words))
}

function ending({ reported }: Page): Element {
  const dated = reported.date === undefined ? '' : ` on ${reported.date}`
  return h(
    'footer',
    { class: 'soft' },
    `Made by dyetrace ${PACKAGE.version}${dated}. This page loads nothing and runs no script. The same content is in report.json.`,
  )
}
