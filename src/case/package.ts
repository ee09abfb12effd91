/** What made the evidence: the package by its name and version, as package.json has them (a test compares). */
export const PACKAGE: { readonly name: string; readonly version: string } = Object.freeze({
  name: 'dyetrace',
  version: '0.1.0',
})
