/** The look of the pages: plain, and readable on a phone. */
export const style = `
:root { --ink: #1a1f36; --soft: #5b6478; --line: #e1e5ee; --ground: #f5f6fa; --strong: #4b45d6; --good: #0b7a4b; --bad: #b3261e; --warn: #8a5a00 }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
a { color: var(--strong) }
h1, h2, p { margin: 0 }
.banner { background: #fff3d6; color: #5c3d00; text-align: center; padding: .5rem 1rem; font-size: .875rem; border-bottom: 1px solid #f2dfae }
.soft { color: var(--soft) }
.small { font-size: .875rem }
.num { font-variant-numeric: tabular-nums; white-space: nowrap }
.card { background: #fff; border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem; box-shadow: 0 1px 3px rgb(26 31 54 / .06) }
.notice { border-radius: 8px; padding: .75rem 1rem; margin-bottom: 1rem; background: #fdeceb; color: var(--bad) }
label { display: block; font-size: .875rem; font-weight: 600; margin-bottom: .75rem }
input { display: block; width: 100%; margin-top: .25rem; padding: .7rem .8rem; border: 1px solid #c9cfdd; border-radius: 8px; font-family: inherit; font-size: 1rem; font-weight: 400; color: inherit; background: #fff }
input[readonly] { background: var(--ground); color: var(--soft) }
button { font: inherit; font-weight: 600; border: 1px solid #c9cfdd; border-radius: 8px; padding: .65rem 1rem; background: #fff; color: var(--ink); cursor: pointer }
button:hover { border-color: var(--strong) }
button.main { width: 100%; padding: .85rem; border: 0; background: var(--strong); color: #fff; font-size: 1.0625rem }
button.main:hover { background: #3a35b8 }
:focus-visible { outline: 3px solid #b9b6f5; outline-offset: 1px }

.pay { max-width: 960px; margin: 0 auto; padding: 1.25rem 1rem 3rem; display: grid; gap: 1.5rem }
.pay .total { font-size: 2.25rem; font-weight: 700; line-height: 1.2 }
.pay .merchant { display: flex; align-items: center; gap: .6rem; font-weight: 600; margin-bottom: 1rem }
.pay .merchant span { width: 2rem; height: 2rem; border-radius: 50%; display: grid; place-items: center; background: var(--strong); color: #fff }
.lines { list-style: none; margin: 1.25rem 0 0; padding: 0; border-top: 1px solid var(--line) }
.lines li { display: flex; justify-content: space-between; gap: 1rem; padding: .75rem 0; border-bottom: 1px solid var(--line) }
.lines li:last-child { border: 0; font-weight: 700 }
.testcard { display: flex; justify-content: space-between; padding: .7rem .8rem; margin: .25rem 0 1.25rem; border: 1px dashed #c9cfdd; border-radius: 8px; color: var(--soft) }
.field { font-size: .875rem; font-weight: 600 }
.others { margin-top: 1.25rem; padding-top: 1rem; border-top: 1px solid var(--line); display: grid; gap: .5rem }
.others button { text-align: left; font-weight: 500 }
.state { max-width: 34rem; margin: 2rem auto; padding: 0 1rem; text-align: center }
.state .card { padding: 2rem 1.25rem; display: grid; gap: .75rem }
.state .row { justify-content: center }
.state h1 { font-size: 1.375rem; line-height: 1.3 }
@media (min-width: 760px) {
  .pay { grid-template-columns: 1fr 1fr; gap: 3.5rem; padding-top: 3rem; align-items: start }
  .pay .card { padding: 1.75rem }
}

.desk { max-width: 1080px; margin: 0 auto; padding: 1.5rem 1rem 3rem; display: grid; gap: 1rem }
.desk > * { min-width: 0 }
.desk h1 { font-size: 1.5rem }
.desk h2 { font-size: 1.0625rem; overflow-wrap: anywhere }
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem .75rem }
.head .num { margin-left: auto; font-weight: 700; font-size: 1.125rem }
.badge { border-radius: 99px; padding: .1rem .65rem; font-size: .8125rem; font-weight: 600; background: #eceef4; color: var(--soft); white-space: nowrap }
.badge.good { background: #dcf5e8; color: var(--good) } .badge.bad { background: #fdeceb; color: var(--bad) } .badge.warn { background: #fff3d6; color: var(--warn) }
.ids, code { font: .8125rem ui-monospace, SFMono-Regular, Menlo, monospace; overflow-wrap: anywhere }
.ids { color: var(--soft) }
.rows { display: grid; gap: .5rem; margin-top: .75rem; padding-top: .75rem; border-top: 1px solid var(--line) }
.row { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem }
summary { cursor: pointer; font-weight: 600 }
.row form { display: flex; gap: .5rem; flex-wrap: wrap }
.row button { padding: .35rem .8rem; font-size: .875rem; font-weight: 500 }
.row input { width: 8.5rem; margin: 0; padding: .35rem .6rem; font-size: .875rem }
.quiet { color: var(--soft); font-size: .875rem }
ul.mails { list-style: none; margin: 0; padding: 0 }
.mails li + li { border-top: 1px solid var(--line) }
.mails a { display: block; padding: .8rem 1rem; color: inherit; text-decoration: none; overflow-wrap: anywhere }
.mails a:hover, .mails a:focus-visible { background: var(--ground) }
.mails span { display: block }
.bad { color: var(--bad) }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0; overflow-wrap: anywhere }
.facts dt { color: var(--soft) } .facts dd { margin: 0 }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font: .9rem/1.5 ui-monospace, monospace }
iframe { display: block; width: 100%; height: min(80vh, 60rem); border: 1px solid var(--line); border-radius: 12px }
.photos { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)) }
figure { display: grid; grid-template-columns: 1fr 1fr; gap: 3px; margin: 0 0 .6rem }
figure > * { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 5px; background: var(--ground) }
figure div { display: grid; place-items: center; color: var(--soft) }
.ways { display: grid; gap: .6rem; margin: .75rem 0 0 }
.ways dt { font-weight: 600 } .ways dd { margin: 0; color: var(--soft); font-size: .875rem }
`;
