/**
 * The one style of the page. Its SHA-256 stands in the page's content policy, so that no other style applies. Light and dark by the reader's
 * setting, narrow charts on narrow screens, black on white on paper.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '../bytes.ts'

const LIGHT =
  '--page:#fff;--ink:#1a1d21;--soft:#59606a;--rule:#d9dde2;--panel:#f4f6f8;--suspect:#b3261e;--chance:#9aa7b5;--limit:#0b57a4;--evidence:#b3261e;--none:#3f4751;--open:#7a5200'
const DARK =
  '--page:#14171a;--ink:#e8eaed;--soft:#a6adb6;--rule:#363c43;--panel:#1e2328;--suspect:#ff8a80;--chance:#6f7d8c;--limit:#8ab4f8;--evidence:#ff8a80;--none:#c4cad1;--open:#ffd180'

export const STYLE: string = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
html{background:var(--page);color:var(--ink);font:17px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;-webkit-text-size-adjust:100%}
body{margin:0}
article{max-width:46rem;margin:0 auto;padding:1.25rem 1rem 3rem;overflow-wrap:anywhere}
h1{font-size:1.05rem;font-weight:600;color:var(--soft);margin:0}
h2{font-size:1.35rem;line-height:1.25;margin:2.75rem 0 .75rem;padding-top:1.25rem;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:0 0 .25rem}
p{margin:.5rem 0}
ul{margin:.5rem 0;padding-left:1.25rem}
li{margin:.35rem 0}
.soft{color:var(--soft);font-size:.9rem}
.badge{display:inline-block;margin:1.25rem 0 .25rem;padding:.15rem .7rem;border:2px solid currentColor;border-radius:1rem;font-weight:700;font-size:.95rem}
.evidence{color:var(--evidence)}
.no-evidence{color:var(--none)}
.insufficient,.protocol-mismatch,.open{color:var(--open)}
.sentence{font-size:1.5rem;line-height:1.3;font-weight:600;margin:.5rem 0 1rem}
.number{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;align-items:baseline;margin:1rem 0 .25rem}
.label{flex-basis:100%}
.odds{font-size:2rem;line-height:1.15;font-weight:700;font-variant-numeric:tabular-nums}
.panel{background:var(--panel);border-radius:.5rem;padding:.75rem 1rem;margin:1rem 0}
.panel h2{font-size:1.05rem;margin:0;padding:0;border:0}
.caution{border-left:4px solid var(--open)}
figure{margin:2rem 0 0;break-inside:avoid}
figcaption{font-size:.95rem;margin:.25rem 0 .5rem}
svg{display:block;width:100%;height:auto;font-family:inherit}
svg.narrow{display:none}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums;margin:.5rem 0;min-width:60%}
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--rule)}
th{color:var(--soft);font-weight:600}
dl{display:grid;grid-template-columns:minmax(8rem,15rem) 1fr;gap:.35rem 1rem;margin:.75rem 0;font-size:.95rem}
dt{color:var(--soft)}
dd{margin:0}
pre{white-space:pre-wrap;background:var(--panel);border-radius:.5rem;padding:.75rem 1rem;margin:.5rem 0}
code,pre,.digest{font-family:ui-monospace,"SF Mono",Consolas,"Liberation Mono",monospace;font-size:.85rem}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--rule)}
@media (max-width:640px){
html{font-size:16px}
svg.wide{display:none}
svg.narrow{display:block}
.sentence{font-size:1.25rem}
.label{flex-basis:100%}
.odds{font-size:1.6rem}
dl{grid-template-columns:1fr;gap:0}
dd{margin-bottom:.5rem}
table{font-size:.8rem;width:100%}
}
@media print{
:root{color-scheme:light;${LIGHT}}
html{font-size:10.5pt}
article{max-width:none;padding:0}
svg.wide{display:block;max-width:42rem}
svg.narrow{display:none}
figure,table,.panel,pre{break-inside:avoid}
h2,h3{break-after:avoid}
h2{margin-top:1.5rem}
}
`

/** Content policy: nothing is loaded, and the style with this digest applies. */
export function contentPolicy(): string {
  const digest = btoa(String.fromCharCode(...sha256(utf8ToBytes(STYLE))))
  return `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`
}
