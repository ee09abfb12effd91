/**
 * The charts of a report, each with its title, a description for those who do not see it, and its numbers in a table. They show the conclusion that
 * the first screen speaks of; other keys stand beside it where they were measured in the same unit.
 */
import * as Plot from '@observablehq/plot'
import type { Conclusion } from '../distill/conclusion.ts'
import type { DecoyExhibit } from '../distill/decoys.ts'
import type { Plan } from '../plan/plan.ts'
import { chanceOfEvidence, largestEffect } from '../plan/power-of-test.ts'
import { lookShare } from '../plan/stopping.ts'
import { lnNormalUpperTail } from '../stats/normal.ts'
import { nullMean } from '../stats/tail.ts'
import { nameShown } from './answer.ts'
import { leadingOf, lnCorrected, log10Corrected, zOf } from './leading.ts'
import { counted, figure, log10Up, percent } from './numbers.ts'
import { grouped, joined } from './shown.ts'
import type { ChartText, Width } from './svg.ts'

/** A table of numbers: its columns' names, then rows of words. */
export interface Numbers {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** A chart that is yet to be drawn. */
export interface Chart extends ChartText {
  /** What it shows, in words under it. */
  readonly caption: string
  readonly numbers: Numbers
  draw(width: Width): Plot.PlotOptions
}

/** What charts are made of. */
export interface Shown {
  readonly plan: Plan
  readonly conclusions: readonly Conclusion[]
  /** Place of the conclusion of the first screen. */
  readonly place: number
}

const SUSPECT = 'var(--suspect)'
const CHANCE = 'var(--chance)'
const LIMIT = 'var(--limit)'
const INK = 'var(--ink)'
/** A halo in the colour of the page keeps letters readable over lines. */
const HALO = { stroke: 'var(--page)', strokeWidth: 6, paintOrder: 'stroke' } as const

/** All charts that the numbers allow, in the order of the page. */
export function chartsOf(about: Shown): readonly Chart[] {
  const { decision } = about.conclusions[about.place]!
  // Where nothing can be said, a point or a bar of the suspect would say something.
  const measured = {
    evidence: [decoyChart, rateChart, tiltChart, powerChart],
    'no-evidence': [decoyChart, rateChart, tiltChart, powerChart],
    insufficient: [powerChart],
    'protocol-mismatch': [],
  }[decision]
  const isSaid = decision === 'evidence' || decision === 'no-evidence'
  return [...(isSaid ? [pathChart] : []), standingChart, ...measured]
    .map((chart) => chart(about))
    .filter((chart) => chart !== undefined)
}

/** How the evidence grew: the e-value after every answer, or the p-value at each planned look. */
function pathChart(about: Shown): Chart | undefined {
  const { stopped } = about.conclusions[about.place]!
  if (stopped.rule === 'e-process') return stopped.path.length > 1 ? processChart(about) : undefined
  return stopped.rule === 'looks' && stopped.looks.length > 0 ? looksChart(about) : undefined
}

const MOST_PATHS = 12

function processChart({ conclusions, place, plan }: Shown): Chart {
  const leading = conclusions[place]!
  const limit = Math.log10(leading.family.size / plan.alpha)
  const pathOf = ({ stopped }: Conclusion): { x: number; y: number }[] =>
    stopped.rule === 'e-process'
      ? [
          { x: 0, y: 0 },
          ...stopped.path.map(({ observations, lnE }) => ({ x: observations, y: lnE / Math.LN10 })),
        ]
      : []
  const own = pathOf(leading)
  const others = conclusions
    .filter((_, i) => i !== place)
    .slice(0, MOST_PATHS)
    .map(pathOf)
  const points = [...own, ...others.flat()]
  const crossed = own.find(({ y }) => y >= limit)
  const last = own.at(-1)!
  const highest = Math.max(limit, ...points.map(({ y }) => y))
  const lowest = Math.min(0, ...points.map(({ y }) => y))
  const room = 0.12 * (highest - lowest)
  const asked = leading.controls.prompts.answered
  const questions =
    asked === undefined ? '' : ` The positions are those of the answers to ${counted(asked, 'question')}.`
  const crossing =
    crossed === undefined
      ? `It stayed below the limit of ${figure(limit, 2)} that the plan asks for.`
      : `It passed the limit of ${figure(limit, 2)} that the plan asks for at position ${grouped(crossed.x)}.`
  return {
    id: 'path',
    title: 'How the evidence grew',
    description: `Line of log10 of the e-value against answer positions looked at, ending at ${figure(last.y)} after ${grouped(last.x)} positions. ${crossing}`,
    caption: `The e-value is what a bet against chance has won: if the suspect does not depend on the key, it reaches N at any time with a probability of at most one in N.${questions} ${crossing}${others.length === 0 ? '' : conclusions.length - 1 > others.length ? ` Thin lines are ${others.length} of the other keys tried.` : ' Thin lines are the other keys tried.'}`,
    numbers: {
      columns: ['Positions', 'Pairs counted', 'log10 e'],
      rows: thinned(leading.stopped.rule === 'e-process' ? leading.stopped.path : [], 10).map(
        ({ observations, counted: pairs, lnE }) => [
          grouped(observations),
          grouped(pairs),
          figure(lnE / Math.LN10),
        ],
      ),
    },
    draw: (width) => ({
      ...frame(width, { left: 46 }),
      x: { label: 'answer positions looked at', ...ticks(width) },
      y: {
        label: 'log10 of the e-value',
        domain: [lowest - (lowest < 0 ? room : 0), highest + room],
        grid: true,
      },
      marks: [
        Plot.ruleY([0], { stroke: INK, strokeOpacity: 0.5 }),
        Plot.ruleY([limit], { stroke: LIMIT, strokeDasharray: '6 4', strokeWidth: 1.5 }),
        ...others.map((path) => Plot.line(path, { x: 'x', y: 'y', stroke: CHANCE, strokeWidth: 1 })),
        Plot.line(own, { x: 'x', y: 'y', stroke: SUSPECT, strokeWidth: 2.5 }),
        Plot.dot([last], { x: 'x', y: 'y', fill: SUSPECT, r: 4 }),
        Plot.text([{ x: 0, y: limit }], {
          ...{ x: 'x', y: 'y', text: () => 'limit' },
          ...{ textAnchor: 'start', dx: 6, dy: -9, fill: LIMIT, ...HALO },
        }),
      ],
    }),
  }
}

function looksChart({ conclusions, place }: Shown): Chart | undefined {
  const { stopped, family } = conclusions[place]!
  if (stopped.rule !== 'looks') return undefined
  const looks = stopped.looks.map(({ index, observations, alpha, lnP }) => ({
    look: index,
    x: observations,
    y: 0 - lnP / Math.LN10,
    limit: Math.log10(family.size / alpha),
  }))
  const passed = looks.filter(({ y, limit }) => y >= limit).length
  const highest = Math.max(...looks.flatMap(({ y, limit }) => [y, limit]))
  const said = `${passed === 0 ? 'None' : grouped(passed)} of the ${counted(looks.length, 'look')} taken reached the limit of its look.`
  return {
    id: 'path',
    title: 'What each planned look showed',
    description: `Points of minus log10 p at ${counted(looks.length, 'planned look')}, each beside the limit of that look. ${said}`,
    caption: `The plan fixed ${counted(stopped.planned, 'look')} beforehand and gave each a part of the level. A point at or above its bar reaches the level that the plan asks for. ${said}`,
    numbers: {
      columns: ['Look', 'Positions', 'log10 p', 'Limit'],
      rows: looks.map(({ look, x, y, limit }) => [
        String(look + 1),
        grouped(x),
        log10Up(-y),
        `−${figure(limit, 3)}`,
      ]),
    },
    draw: (width) => ({
      ...frame(width, { left: 46 }),
      x: { label: 'answer positions looked at', type: 'band', tickFormat: grouped },
      y: { label: 'minus log10 p', domain: [0, 1.15 * highest], grid: true },
      marks: [
        Plot.ruleY([0], { stroke: INK, strokeOpacity: 0.5 }),
        Plot.tickY(looks, { x: 'x', y: 'limit', stroke: LIMIT, strokeWidth: 3 }),
        Plot.dot(looks, { x: 'x', y: 'y', fill: SUSPECT, r: 5 }),
        Plot.text(looks.slice(-1), {
          ...{
            x: 'x',
            y: 'limit',
            text: () => 'limit',
            dy: looks.at(-1)!.y > looks.at(-1)!.limit ? 12 : -10,
          },
          ...{ fill: LIMIT, ...HALO },
        }),
      ],
    }),
  }
}

const MOST_ROWS = 12

/** The keys tried and the instrument's own check, on one scale. */
function standingChart({ conclusions, place, plan }: Shown): Chart | undefined {
  const leading = conclusions[place]!
  const { instrument } = leading.controls
  const tested = conclusions
    .map((one, i) => ({ one, i, y: 0 - log10Corrected(leadingOf(one).verdict) }))
    .sort((a, b) => b.y - a.y || a.i - b.i)
    .slice(0, MOST_ROWS)
  const isSaid = ({ decision }: Conclusion): boolean => decision === 'evidence' || decision === 'no-evidence'
  const rows = [
    ...tested
      .filter(({ one }) => isSaid(one))
      .map(({ one, i, y }) => ({
        name: `suspect, key ${one.keyId.slice(0, 8)}${one.lane === 0 ? '' : `/${one.lane}`} ${joined(nameShown(one.label.slice(0, 24)))}`,
        x: y,
        colour: i === place ? SUSPECT : CHANCE,
      })),
    ...(instrument === undefined
      ? []
      : [{ name: 'control: text known to be marked', x: 0 - instrument.log10P, colour: INK }]),
  ].map((row, order) => ({ ...row, order }))
  if (rows.length === 0) return undefined
  const isSuspectShown = rows.some(({ colour }) => colour !== INK)
  const limit = 0 - Math.log10(plan.alpha)
  const most = Math.max(limit, ...rows.map(({ x }) => x))
  const marks = [0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000].filter((tick) => tick <= 1.3 * most)
  const control =
    instrument === undefined
      ? 'No known marked text was given, so the instrument was not checked.'
      : `Text known to be marked, put through the same path, ${instrument.passed ? 'was recognised' : 'was not recognised'} (log10 p = ${log10Up(instrument.log10P)}, ${counted(instrument.counted, 'pair')}).`
  return {
    id: 'standing',
    title: isSuspectShown ? 'Where the suspect stands' : 'Text known to be marked',
    description: `${rows.length} points on a scale of minus log10 p: ${rows.map(({ name, x }) => `${name} at ${figure(x)}`).join('; ')}. The limit is ${figure(limit)}.`,
    caption: `The further to the right, the less chance explains it; each step of one is ten times less. The dashed line is the level that the plan asks for before it speaks of evidence.${isSuspectShown ? ' Keys are corrected for all tests of the plan.' : ''} ${control}`,
    numbers: {
      columns: ['Measured', 'log10 p'],
      rows: [
        ...rows.map(({ name, x }) => [name, log10Up(0 - x)]),
        ['limit of the plan (alpha)', log10Up(0 - limit)],
      ],
    },
    draw: (width) => ({
      ...frame(width, { left: 12 }),
      height: 74 + 44 * rows.length,
      marginTop: 24,
      x: {
        label: 'minus log10 p',
        ...{
          type: 'symlog',
          constant: 1,
          domain: [0, 1.5 * most],
          ticks: marks,
          tickFormat: grouped,
          grid: true,
        },
      },
      y: { domain: [-0.6, rows.length - 0.5], reverse: true, axis: null },
      marks: [
        Plot.ruleX([0], { stroke: INK, strokeOpacity: 0.5 }),
        Plot.ruleX([limit], { stroke: LIMIT, strokeDasharray: '6 4', strokeWidth: 1.5 }),
        Plot.text([limit], {
          x: (x: number) => x,
          text: () => 'limit',
          frameAnchor: 'top',
          dy: -16,
          fill: LIMIT,
        }),
        Plot.ruleY(rows, { x1: 0, x2: 'x', y: 'order', stroke: 'colour', strokeWidth: 2 }),
        Plot.dot(rows, { x: 'x', y: 'order', fill: 'colour', r: 6 }),
        Plot.text(rows, {
          x: 0,
          y: 'order',
          text: 'name',
          textAnchor: 'start',
          dx: 6,
          dy: -15,
          fill: INK,
          ...HALO,
        }),
      ],
      color: { type: 'identity' },
    }),
  }
}

/** Decoy keys in bins of half a standard deviation, what chance expects, and the suspect. */
function decoyChart({ conclusions, place }: Shown): Chart | undefined {
  const { decoys, verdict } = leadingOf(conclusions[place]!)
  if (decoys === undefined) return undefined
  const { points } = decoys.uniformity
  if (points.length < 2) return undefined
  const step = points[1]!.z - points[0]!.z
  const tails = [
    { z: points[0]!.z - step, expected: 1, share: 1 },
    ...points,
    { z: points.at(-1)!.z + step, expected: 0, share: 0 },
  ]
  const bins = tails.slice(0, -1).map(({ z, expected, share }, i) => ({
    from: z,
    to: tails[i + 1]!.z,
    share: share - tails[i + 1]!.share,
    expected: expected - tails[i + 1]!.expected,
    name:
      i === 0
        ? `below ${figure(points[0]!.z)}`
        : i === points.length
          ? `${figure(z)} or above`
          : `${figure(z)} to ${figure(tails[i + 1]!.z)}`,
  }))
  const z = zOf(verdict)
  const highest = Math.max(...bins.flatMap(({ share, expected }) => [share, expected]))
  const [least, most] = [Math.min(bins[0]!.from, z) - 0.5, Math.max(bins.at(-1)!.to, z) + 0.5]
  const end = z > (least + most) / 2
  return {
    id: 'decoys',
    title: 'The suspect against decoy keys',
    description: `Bars of how many of ${grouped(decoys.count)} decoy keys score how far from what chance expects, between ${figure(bins[0]!.from)} and ${figure(bins.at(-1)!.to)} standard deviations, and a line for the key that was tried at ${figure(z)}.`,
    caption: `${grouped(decoys.count)} keys that nobody picked were tried on the same answers. ${asHighSaid(decoys)} with the suspect as well as the key that was tried, at ${figure(z)} standard deviations. Outermost bars hold all beyond. The decoys decide nothing; they show where chance puts keys${decoys.uniformity.uniform ? ', and they lie as the law of chance (short lines) says' : '. They do not lie as the law of chance (short lines) says'}.`,
    numbers: {
      columns: ['Standard deviations', 'Decoys', 'Expected'],
      rows: [
        ...bins.map(({ name, share, expected }) => [name, percent(share), percent(expected)]),
        ['the key that was tried', figure(z), ''],
      ],
    },
    draw: (width) => ({
      ...frame(width, { left: 46 }),
      x: { label: 'standard deviations from what chance expects', domain: [least, most], ...ticks(width) },
      y: { label: 'share of decoy keys', domain: [0, 1.3 * highest], tickFormat: percentTick, grid: true },
      marks: [
        Plot.rectY(bins, { x1: 'from', x2: 'to', y: 'share', fill: CHANCE, insetLeft: 0.5, insetRight: 0.5 }),
        Plot.ruleY(bins, { x1: 'from', x2: 'to', y: 'expected', stroke: INK, strokeWidth: 2 }),
        Plot.ruleY([0], { stroke: INK, strokeOpacity: 0.5 }),
        Plot.ruleX([z], { stroke: SUSPECT, strokeWidth: 3 }),
        Plot.text([z], {
          ...{ x: (x: number) => x, text: () => 'key tried', frameAnchor: 'top', dy: 4 },
          ...{
            textAnchor: end ? 'end' : 'start',
            dx: end ? -8 : 8,
            fill: SUSPECT,
            fontWeight: 'bold',
            ...HALO,
          },
        }),
      ],
    }),
  }
}

/**
 * How many decoys agree as well: `p` over `floor` is one more, whatever a look has to pay, as both pay it. Where the price took p to 1 the record
 * holds no more than that there are so many at least.
 */
function asHighSaid({ count, p, floor }: DecoyExhibit): string {
  const isCapped = p === 1 && floor * (count + 1) > 1 + 1e-9
  const higher = isCapped ? Math.ceil(1 / floor - 1e-9) - 1 : Math.round(p / floor) - 1
  if (higher <= 0) return isCapped ? 'Any number of them may agree' : 'None of them agrees'
  const agree = higher === 1 ? 'agrees' : 'agree'
  return `${isCapped ? 'At least ' : ''}${grouped(higher)} of them ${agree}`
}

/** The mean score of the suspect's answers with its interval, beside chance. */
function rateChart({ conclusions, place }: Shown): Chart | undefined {
  const found = conclusions[place]!.findings.find(
    ({ statistic, part, verdict }) =>
      statistic === 'count' && part === undefined && verdict.interval !== undefined,
  )
  const interval = found?.verdict.interval
  if (found === undefined || interval === undefined) return undefined
  const { law, mean, counted: pairs } = found.verdict
  const isRate = law.kind === 'bernoulli'
  const said = (x: number): string => (isRate ? percent(x) : figure(x))
  const what = isRate ? 'share of green pairs' : 'mean score'
  const expected = nullMean(law)
  return intervalChart({
    id: 'rate',
    title: isRate ? 'Green pairs in the suspect’s answers' : 'Mean score of the suspect’s answers',
    caption: `The key calls some token pairs green${isRate ? '' : ' to some degree'}; by chance the ${what} is ${said(expected)}. Of ${counted(pairs, 'pair')} the suspect has ${said(mean)}, with 95\u00a0% confidence between ${said(interval.lower)} and ${said(interval.upper)}. ${found.deciding ? 'The decision rests on this number.' : 'The decision does not rest on this number.'}`,
    ...{ axis: what, value: mean, ...interval, origin: expected, said },
    ...{ own: 'suspect', beside: 'chance', tickFormat: isRate ? percentTick : undefined },
  })
}

/** How far the suspect leans towards the key beyond the references. */
function tiltChart({ conclusions, place }: Shown): Chart | undefined {
  const { strength, controls } = conclusions[place]!
  if (strength?.kind !== 'tilt') return undefined
  const { value, interval, share } = strength
  const named = controls.references.slice(0, 3).map(nameShown).join(', ')
  const references = controls.references.length > 3 ? `${named} and others` : named
  const calibrated =
    share === undefined
      ? 'This is not a share of the training text.'
      : `Students of the calibration show as much with ${percent(share.value)} marked text (${percent(share.interval.lower)} to ${percent(share.interval.upper)}); this holds for their recipe only: ${nameShown(share.recipe)}.`
  return intervalChart({
    id: 'tilt',
    title: 'The suspect against the reference',
    caption: `How much more the suspect favours green tokens than the reference model does (${references}), in nats a unit of score: ${figure(value)}, with 95\u00a0% confidence between ${figure(interval.lower)} and ${figure(interval.upper)}. Zero is a suspect that leans no more than the reference. It describes and decides nothing. ${calibrated}`,
    ...{ axis: 'lean towards the key (nats)', value, ...interval, origin: 0, said: figure },
    ...{ own: 'suspect', beside: 'as the reference', tickFormat: undefined },
  })
}

function intervalChart(about: {
  readonly id: string
  readonly title: string
  readonly caption: string
  readonly axis: string
  readonly value: number
  readonly lower: number
  readonly upper: number
  readonly origin: number
  readonly own: string
  readonly beside: string
  readonly tickFormat: ((x: number) => string) | undefined
  said(x: number): string
}): Chart {
  const { id, title, caption, axis, value, lower, upper, origin, own, beside, tickFormat, said } = about
  const [least, most] = [Math.min(lower, origin), Math.max(upper, origin)]
  const room = 0.25 * (most - least || 1)
  return {
    id,
    title,
    description: `${axis}: ${own} at ${said(value)}, interval from ${said(lower)} to ${said(upper)}; ${beside} at ${said(origin)}.`,
    caption,
    numbers: {
      columns: ['', axis],
      rows: [
        [own, said(value)],
        ['95\u00a0% interval', `${said(lower)} to ${said(upper)}`],
        [beside, said(origin)],
      ],
    },
    draw: (width) => ({
      ...frame(width, { left: 16 }),
      height: 130,
      x: {
        label: axis,
        domain: [least - room, most + room],
        grid: true,
        ...ticks(width),
        ...(tickFormat ? { tickFormat } : {}),
      },
      y: { domain: [-1, 1], axis: null },
      marks: [
        Plot.ruleX([origin], { stroke: INK, strokeDasharray: '6 4', strokeWidth: 1.5 }),
        Plot.text([origin], { x: (x: number) => x, y: -0.8, text: () => beside, fill: INK, ...HALO }),
        Plot.ruleY([0.1], { x1: lower, x2: upper, stroke: SUSPECT, strokeWidth: 3 }),
        Plot.tickX([lower, upper], {
          x: (x: number) => x,
          stroke: SUSPECT,
          strokeWidth: 2,
          insetTop: 34,
          insetBottom: 26,
        }),
        Plot.dot([value], { x: (x: number) => x, y: 0.1, fill: SUSPECT, r: 6 }),
        Plot.text([value], {
          x: (x: number) => x,
          y: 0.1,
          dy: -16,
          text: () => own,
          fill: SUSPECT,
          fontWeight: 'bold',
          ...HALO,
        }),
      ],
    }),
  }
}

/** The chance to find effects of all sizes. */
function powerChart({ conclusions, place, plan }: Shown): Chart | undefined {
  const conclusion = conclusions[place]!
  const { power, family, stopped } = conclusion
  if (power === undefined) return undefined
  const { verdict } = leadingOf(conclusion)
  const price = stopped.rule === 'looks' && stopped.look !== undefined ? lookShare(stopped.look) : 1
  const alpha = (plan.alpha * price) / family.size
  const at =
    power.law === 'exact'
      ? exactChance(verdict.law, { alpha, n: power.n })
      : normalChance(power.power, power.effect, power.n)
  const measured = power.per === 'pair' ? verdict.effect : zOf(verdict) / Math.sqrt(power.n)
  const most = Math.min(largestEffect(verdict.law), 2.2 * power.effect)
  const curve = Array.from({ length: STEPS + 1 }, (_, i) => {
    const effect = (most * i) / STEPS
    return { effect, chance: at(effect) }
  })
  const chosen = [0.25, 0.5, 0.75, 1, 1.5, 2].map((times) => times * power.effect).filter((d) => d <= most)
  const isSaid = conclusion.decision !== 'insufficient'
  const least = isSaid ? Math.max(Math.min(0, 1.2 * measured), -0.4 * most) : 0
  const inside = isSaid && measured >= least && measured <= most
  const unit = `null standard deviations a ${power.per}`
  return {
    id: 'power',
    title: 'What the test could have found',
    description: `Rising curve of the chance to find an effect against its size; ${percent(power.power)} at ${figure(power.effect, 2)} ${unit}.${isSaid ? ` The suspect showed ${figure(measured, 2)}.` : ''}`,
    caption: `An effect of ${figure(power.effect, 2)} ${unit} would have been found with a chance of ${percent(power.power)} (dot)${power.law === 'estimate' ? '; an estimate' : ''}.${isSaid ? ` The suspect showed ${figure(measured, 2)}${inside ? ' (line)' : ', outside of the chart'}.` : ''} Left of the rise a test that finds nothing says little.`,
    numbers: {
      columns: ['Effect', 'Chance to find it'],
      rows: chosen.map((effect) => [figure(effect, 2), chanceShown(at(effect))]),
    },
    draw: (width) => ({
      ...frame(width, { left: 46 }),
      x: {
        label: `effect (${unit})`,
        domain: [least, most],
        ...ticks(width),
      },
      y: {
        label: 'chance to find it',
        domain: [0, 1.12],
        ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
        tickFormat: percentTick,
        grid: true,
      },
      marks: [
        Plot.ruleY([0], { stroke: INK, strokeOpacity: 0.5 }),
        Plot.line(curve, { x: 'effect', y: 'chance', stroke: INK, strokeWidth: 2.5 }),
        ...(inside
          ? [
              Plot.ruleX([measured], { stroke: SUSPECT, strokeWidth: 2.5 }),
              Plot.text([measured], {
                ...{
                  x: (x: number) => x,
                  text: () => 'suspect',
                  frameAnchor: 'top',
                  dy: 2,
                  fontWeight: 'bold',
                },
                ...{ textAnchor: measured > most / 2 ? 'end' : 'start', dx: measured > most / 2 ? -8 : 8 },
                ...{ fill: SUSPECT, ...HALO },
              }),
            ]
          : []),
        Plot.dot([power], { x: 'effect', y: 'power', fill: LIMIT, r: 5 }),
      ],
    }),
  }
}

const STEPS = 60

function exactChance(
  law: Parameters<typeof largestEffect>[0],
  { alpha, n }: { alpha: number; n: number },
): (effect: number) => number {
  const test = { law, statistic: 'count', watched: false, alpha } as const
  return (effect) => chanceOfEvidence(test, { n, effect })
}

/** The normal curve through the point that the record has. */
function normalChance(chance: number, effect: number, n: number): (effect: number) => number {
  let [low, high] = [-10, 10]
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (lnNormalUpperTail(middle) > Math.log(chance)) low = middle
    else high = middle
  }
  return (other) => Math.exp(lnNormalUpperTail(low + (effect - other) * Math.sqrt(n)))
}

function frame(width: Width, { left }: { left: number }): Plot.PlotOptions & { height: number } {
  return {
    height: width === 'wide' ? 280 : 240,
    marginLeft: left,
    marginRight: 18,
    marginTop: 28,
    marginBottom: 42,
  }
}

function ticks(width: Width): { ticks: number } {
  return { ticks: width === 'wide' ? 8 : 4 }
}

function percentTick(share: number): string {
  return `${Math.round(1000 * share) / 10}\u00a0%`
}

/** A chance that is not 1 is not shown as 100 %. */
function chanceShown(chance: number): string {
  if (chance >= 0.999) return 'over 99.9\u00a0%'
  return chance < 0.0001 ? 'below 0.01\u00a0%' : percent(chance, chance > 0.99 ? 3 : 2)
}

/** Some of a list, evenly, the last always. */
function thinned<T>(list: readonly T[], most: number): readonly T[] {
  const every = Math.max(1, Math.ceil(list.length / most))
  return list.filter((_, i) => (i + 1) % every === 0 || i + 1 === list.length)
}

/** The corrected p-value of a conclusion, for tables. */
export function correctedShown(conclusion: Conclusion): string {
  return log10Up(lnCorrected(leadingOf(conclusion).verdict) / Math.LN10)
}
