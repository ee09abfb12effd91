/**
 * Reports in a real browser: nothing is loaded, nothing complains, nothing runs over the edge, all charts are there at a size that can be read, and
 * the page prints. Needs Chromium: the path in the environment variable CHROMIUM, or one of the usual ones. Without it the tests are skipped, unless
 * DYETRACE_REQUIRE_CHROMIUM is 1.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renderReport } from '../../src/report/index.ts'
import * as cases from './cases.ts'

const USUAL = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'].map(
  (n) => `/usr/bin/${n}`,
)
const executablePath = [process.env['CHROMIUM'] ?? '', ...USUAL].find(
  (path) => path !== '' && existsSync(path),
)
const isRequired = process.env['DYETRACE_REQUIRE_CHROMIUM'] === '1'
if (executablePath === undefined && !isRequired)
  console.warn('no Chromium found: reports are not opened in a browser (set CHROMIUM to its path)')

const hostile = '<img src=https://example.com/x onerror=alert(1)>\u202e"\'&'.repeat(40)
const about = {
  ...{ name: `case ${hostile}`, date: '2026-11-25' },
  capabilities: { [hostile]: hostile, logprobs: { asked: 20, got: 5 } },
  excerpts: [{ prompt: 0, text: `${hostile}\n${'x'.repeat(5000)}` }],
  checks: [{ name: 'answers', ok: true, said: hostile }],
}
const pages = {
  thief: renderReport({ ...cases.thiefByLooks(), ...about }).html,
  'thief-e-process': renderReport({ ...cases.thiefByProcess(), ...about }).html,
  innocent: renderReport({ ...cases.innocentByText(), ...about }).html,
  'several-keys': renderReport({ ...cases.severalKeys(), ...about }).html,
  mismatch: renderReport({ ...cases.mismatch(), ...about }).html,
}
const WIDTHS = [1280, 360] as const

describe.skipIf(executablePath === undefined && !isRequired)('in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dyetrace-report-'))
  let browser: Browser
  beforeAll(async () => {
    if (executablePath === undefined)
      throw new Error('DYETRACE_REQUIRE_CHROMIUM is 1, and no Chromium was found')
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Opens a page, and notes whatever it asks for or complains about. */
  async function opened(html: string, { width = 1280 }: { width?: number } = {}) {
    const path = join(folder, 'report.html')
    writeFileSync(path, html)
    const page = await browser.newPage({ viewport: { width, height: 800 } })
    const requests: string[] = []
    const complaints: string[] = []
    page.on('request', (request) => requests.push(request.url()))
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    const address = pathToFileURL(path).href
    await page.goto(address)
    return { page, complaints, others: () => requests.filter((url) => url !== address) }
  }

  const measured = (page: Page) => page.evaluate(MEASURE) as Promise<Measured>

  test.each(Object.keys(pages).flatMap((name) => WIDTHS.map((width) => [name, width] as const)))(
    '%s at %d pixels',
    async (name, width) => {
      const { page, complaints, others } = await opened(pages[name as keyof typeof pages], { width })
      expect(complaints).toEqual([])
      expect(others()).toEqual([])
      const seen = await measured(page)
      expect(seen.overflow).toBeLessThanOrEqual(0)
      expect(seen.beyond).toEqual([])
      expect(seen.title).not.toBe('')
      expect(seen.answer.height).toBeGreaterThan(20)
      // The answer is on the first screen.
      expect(seen.answer.bottom).toBeLessThan(800)
      // The style was applied, and so the policy lets it pass.
      expect(seen.weight).toBe('600')
      expect(seen.charts.length).toBeGreaterThan(0)
      for (const { shown, letters } of seen.charts) {
        expect(shown).toBe(1)
        expect(letters).toBeGreaterThan(9.5)
      }
      await page.close()
    },
  )

  test('something wider than the screen is noticed', async () => {
    const { page } = await opened(pages.thief, { width: 360 })
    await page.evaluate("document.querySelector('#answer').style.width = '900px'")
    expect((await measured(page)).overflow).toBeGreaterThan(100)
    await page.close()
  })

  test('prints, on more than one sheet and not on twenty', async () => {
    const { page, complaints } = await opened(pages.thief)
    const pdf = (await page.pdf({ format: 'A4' })).toString('latin1')
    expect(pdf.slice(0, 5)).toBe('%PDF-')
    const sheets = pdf.match(/\/Type\s*\/Page\b/g)?.length ?? 0
    expect(sheets).toBeGreaterThan(1)
    expect(sheets).toBeLessThan(20)
    expect(complaints).toEqual([])
    await page.close()
  })

  test('on paper it is dark on light, whatever the screen is', async () => {
    const { page } = await opened(pages.innocent)
    const background = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
    await page.emulateMedia({ colorScheme: 'dark', media: 'screen' })
    expect(await background()).toBe('rgb(20, 23, 26)')
    await page.emulateMedia({ colorScheme: 'dark', media: 'print' })
    expect(await background()).toBe('rgb(255, 255, 255)')
    await page.close()
  })

  test('what somebody puts into the file does not run and loads nothing', async () => {
    const put =
      '<script>document.title = "ran"</script><img src="https://example.com/x.png"><p style="color:red" id="put">x</p>'
    const { page, complaints, others } = await opened(pages.thief.replace('</article>', `${put}</article>`))
    expect(await page.title()).not.toBe('ran')
    expect(complaints.length).toBeGreaterThanOrEqual(3)
    expect(others().filter((url) => !url.startsWith('https://example.com/'))).toEqual([])
    expect(await page.evaluate("document.querySelector('img').naturalWidth")).toBe(0)
    expect(await page.evaluate("getComputedStyle(document.querySelector('#put')).color")).not.toBe(
      'rgb(255, 0, 0)',
    )
    await page.close()
  })
})

interface Measured {
  readonly title: string
  /** Pixels by which the page is wider than the screen. */
  readonly overflow: number
  /** Elements whose right edge is beyond the screen's. */
  readonly beyond: readonly string[]
  readonly answer: { readonly height: number; readonly bottom: number }
  readonly weight: string
  readonly charts: readonly { readonly shown: number; readonly letters: number }[]
}

const MEASURE = `(() => {
  const root = document.documentElement
  const answer = document.querySelector('#answer')
  const box = answer.getBoundingClientRect()
  const scrolled = (e) => e.closest('.scroll') !== null
  const beyond = [...document.body.querySelectorAll('*')]
    .filter((e) => !scrolled(e) && e.getBoundingClientRect().right > root.clientWidth + 1)
    .map((e) => e.tagName + ' ' + e.className)
  const charts = [...document.querySelectorAll('figure')].map((figure) => {
    const shown = [...figure.querySelectorAll('svg')].filter((svg) => svg.getBoundingClientRect().height > 50)
    const scale = shown.length === 0 ? 0 : shown[0].getBoundingClientRect().width / shown[0].viewBox.baseVal.width
    return { shown: shown.length, letters: 12 * scale }
  })
  return {
    title: document.title,
    overflow: root.scrollWidth - window.innerWidth,
    beyond,
    answer: { height: box.height, bottom: box.bottom },
    weight: getComputedStyle(answer).fontWeight,
    charts,
  }
})()`
