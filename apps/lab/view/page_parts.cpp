// SPDX-License-Identifier: MIT
#include "lab/view/page.hpp"

namespace aperto::lab {

const char* const page_style = R"css(
:root { color-scheme: light dark; --line: #456; --soft: #8888; --lost: #c22; --again: #b60; --zero: #a2a; --note: #077; --syn: #272; }
@media (prefers-color-scheme: dark) { :root { --line: #9bd; --lost: #f77; --again: #fb5; --zero: #e8f; --note: #5cc; --syn: #7d7; } }
body { font: 15px/1.4 system-ui, sans-serif; margin: 1rem auto; max-width: 100rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin: 1.2rem 0 .3rem; }
pre, #details { background: #8881; padding: .6rem; border-radius: 6px; font: 13px/1.45 ui-monospace, monospace; }
#summary div { white-space: pre-wrap; padding-left: 15ch; text-indent: -15ch; }
.bar { display: flex; gap: 1rem; align-items: center; flex-wrap: wrap; margin: .5rem 0; }
.bar label { display: flex; gap: .4rem; align-items: center; } .bar label[hidden] { display: none; }
.key::before { content: ''; display: inline-block; width: 1.4rem; border-top: 3px solid; vertical-align: middle; margin-right: .4rem; }
.key.lost { color: var(--lost); } .key.again { color: var(--again); } .key.zero { color: var(--zero); } .key.note { color: var(--note); } .key.syn { color: var(--syn); }
#ladder-box { height: 65vh; overflow: auto; border: 1px solid var(--soft); border-radius: 6px; }
#ladder-box:focus-visible { outline: 2px solid var(--note); }
#details { min-height: 3rem; overflow-wrap: anywhere; columns: 22rem; margin: .6rem 0; } #details .words { column-span: all; font-weight: 600; margin-bottom: .3rem; }
svg { display: block; width: 100%; } svg text { font: 12px ui-monospace, monospace; fill: currentColor; }
.packet { cursor: pointer; outline: none; } .row { fill: transparent; } .packet:hover .row, .packet.chosen .row { fill: #8883; }
.hit { stroke: transparent; stroke-width: 12; } .way { stroke: var(--line); stroke-width: 1.5; fill: none; } .chosen .way { stroke-width: 3; }
.over { pointer-events: none; } .label { paint-order: stroke; stroke: Canvas; stroke-width: 4px; }
.lost .way { stroke: var(--lost); stroke-dasharray: 5 3; } .lost text { fill: var(--lost); }
.again .way { stroke: var(--again); } .again text { fill: var(--again); }
.zero .way { stroke: var(--zero); } .zero text { fill: var(--zero); }
.note .way { stroke: var(--note); } .note text { fill: var(--note); }
.syn .way { stroke: var(--syn); } .host { stroke: var(--soft); stroke-width: 2; } .time { opacity: .65; }
.grid { stroke: var(--soft); stroke-width: .5; } .dot { stroke: var(--line); stroke-width: 3; cursor: pointer; } .dot.again { stroke: var(--again); stroke-width: 5; } .dot.lost { stroke: var(--lost); stroke-width: 5; }
.acked { stroke: var(--syn); fill: none; stroke-width: 1.4; } .flight { stroke: var(--again); fill: none; stroke-width: 1.4; }
)css";

const char* const page_body = R"html(<h2 data-word="ladder"></h2>
<div class="bar">
<label><span data-word="show"></span> <select id="filter"></select></label>
<label id="flow-label"><span data-word="connection"></span> <select id="flow"></select></label>
<label><span data-word="zoom"></span> <input id="zoom" type="range" min="0" max="100" value="0"></label>
<span id="count"></span>
<span class="key syn" data-word="key_syn"></span><span class="key lost" data-word="key_lost"></span><span class="key again" data-word="again"></span>
<span class="key note" data-word="key_note"></span><span class="key zero" data-word="key_zero"></span></div>
<div id="ladder-box" tabindex="0"><svg id="ladder" role="list"></svg></div>
<div id="details" aria-live="polite"></div>
<div class="bar"><label><span data-word="direction"></span> <select id="direction"></select></label></div>
<h2 data-word="sequence"></h2>
<svg id="sequence" viewBox="0 0 1200 360" role="img"></svg>
<h2 data-word="window"></h2>
<svg id="window" viewBox="0 0 1200 280" role="img"></svg>)html";

}  // namespace aperto::lab
