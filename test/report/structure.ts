/** The structure of a page, as a parser sees it: what may differ between two names is words, never elements or attributes. */
import { parseHTML } from 'linkedom'

interface Parsed {
  readonly nodeType: number
  readonly nodeName: string
  readonly attributes: Iterable<{ readonly name: string; readonly value: string }>
  readonly childNodes: Iterable<Parsed>
}

/** One line an element, indented: its tag and its attributes, with the values of those that name things. */
export function structureOf(html: string): string[] {
  const { document } = parseHTML(html) as unknown as { document: Parsed }
  return linesOf(document, '')
}

/** Elements and attributes of a page, each once. */
export function vocabularyOf(html: string): { tags: Set<string>; attributes: Set<string> } {
  const [tags, attributes] = [new Set<string>(), new Set<string>()]
  for (const line of structureOf(html)) {
    const [tag, ...rest] = line.trim().split(' ')
    tags.add(tag!)
    for (const attribute of rest) attributes.add(attribute.split('=')[0]!)
  }
  return { tags, attributes }
}

function linesOf(node: Parsed, indent: string): string[] {
  const inside = Array.from(node.childNodes).flatMap((child) => linesOf(child, `${indent} `))
  if (node.nodeType === 8) return [`${indent}comment`]
  if (node.nodeType !== 1) return inside
  const named = new Set(['id', 'class', 'role', 'http-equiv', 'name', 'content', 'aria-labelledby'])
  const attributes = Array.from(node.attributes, ({ name, value }) =>
    named.has(name) ? ` ${name}=${value.replaceAll(' ', '_')}` : ` ${name}`,
  )
  return [`${indent}${node.nodeName.toLowerCase()}${attributes.join('')}`, ...inside]
}
