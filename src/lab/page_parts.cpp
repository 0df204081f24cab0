// SPDX-License-Identifier: MIT
#include "lab/page.hpp"

namespace aperto::lab {

const char* const page_style = R"css(
:root { color-scheme: light dark; --line: #567; --soft: #8888; --lost: #d33; --again: #c80; --zero: #b3c; --note: #088; --syn: #282; }
body { font: 15px/1.4 system-ui, sans-serif; margin: 1rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin: 1.2rem 0 .3rem; }
pre { overflow-x: auto; background: #8881; padding: .6rem; border-radius: 6px; font-size: 13px; }
.bar { display: flex; gap: 1rem; align-items: center; flex-wrap: wrap; margin: .5rem 0; }
.bar label { display: flex; gap: .4rem; align-items: center; }
#ladder-box { height: 70vh; overflow: auto; border: 1px solid var(--soft); border-radius: 6px; }
#details { min-height: 3rem; white-space: pre-wrap; overflow-wrap: anywhere; }
svg { display: block; width: 100%; } svg text { font: 12px ui-monospace, monospace; fill: currentColor; }
.packet { cursor: pointer; } .row { fill: transparent; } .packet:hover .row, .packet:focus .row, .packet.chosen .row { fill: #8882; } .packet:focus { outline: none; }
.hit { stroke: transparent; stroke-width: 16; } .way { stroke: var(--line); stroke-width: 1.5; fill: none; }
.lost .way { stroke: var(--lost); stroke-dasharray: 5 3; } .lost text { fill: var(--lost); }
.again .way { stroke: var(--again); } .again text { fill: var(--again); }
.zero .way { stroke: var(--zero); } .zero text { fill: var(--zero); }
.note .way { stroke: var(--note); } .note text { fill: var(--note); }
.syn .way { stroke: var(--syn); } .host { stroke: var(--soft); stroke-width: 2; } .time { opacity: .65; }
.grid { stroke: var(--soft); stroke-width: .5; } .dot { fill: var(--line); } .dot.again { fill: var(--again); } .dot.lost { fill: var(--lost); }
.acked { stroke: var(--syn); fill: none; stroke-width: 1.2; } .flight { stroke: var(--again); fill: none; stroke-width: 1.2; }
)css";

const char* const page_body = R"html(<div class="bar">
<label><span data-word="show"></span> <select id="filter"></select></label>
<label><span data-word="zoom"></span> <input id="zoom" type="range" min="0" max="100" value="0"></label>
<span id="count"></span></div>
<h2 data-word="ladder"></h2>
<div id="ladder-box" tabindex="0"><svg id="ladder" role="list"></svg></div>
<pre id="details" aria-live="polite"></pre>
<div class="bar"><label><span data-word="direction"></span> <select id="direction"></select></label></div>
<h2 data-word="sequence"></h2>
<svg id="sequence" viewBox="0 0 1000 320" role="img"></svg>
<h2 data-word="window"></h2>
<svg id="window" viewBox="0 0 1000 260" role="img"></svg>)html";

}  // namespace aperto::lab
