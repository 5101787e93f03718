// The page: draws the view that the address names, and what surrounds it. A view is loaded when it is first
// shown.
import {h} from './dom.js';
import {ask} from './api.js';
import {href, read} from './route.js';
import {say} from './say.js';
import {take} from './snapshots.js';

const VIEWS = {
  live: ['Live', () => import('./view-live.js')],
  snapshots: ['Snapshots', () => import('./view-snapshots.js')],
  compare: ['Compare', () => import('./view-compare.js')],
  suspects: ['Suspects', () => import('./view-suspects.js')],
  threads: ['Threads', () => import('./view-threads.js')],
  descriptors: ['Descriptors', () => import('./view-descriptors.js')],
  mappings: ['Mappings', () => import('./view-mappings.js')],
  profiler: ['Profiler', () => import('./view-profiler.js')],
};
const bare = new URLSearchParams(location.search).get('view') === 'live'; // in a frame: only the charts
const main = document.getElementById('main'), links = document.getElementById('views');
let ending = new AbortController(), shown = '', program = '';

const wanted = () => Object.hasOwn(VIEWS, read().view) && !bare ? read().view : 'live';

const entitle = () => { document.title = [VIEWS[wanted()][0], program, 'leakprof'].filter(Boolean).join(' · '); };

const trouble = failure => h('section', {class: 'card trouble', role: 'alert'},
  h('h2', {}, 'That did not work'), h('p', {}, failure.message));

// Moves the focus: in another view to its title, in the same view to the same control, which was redrawn.
function focus(fresh, moved, name) {
  const to = moved ? fresh.querySelector('h1') : name && fresh.querySelector(`[name="${CSS.escape(name)}"]`);
  if (to) to.focus({preventScroll: true});
}

async function draw(event) {
  const view = wanted(), moved = view !== shown, held = document.activeElement.name;
  ending.abort();
  const {signal} = ending = new AbortController(), fresh = h('div');
  for (const link of links.querySelectorAll('a')) link.ariaCurrent = link.dataset.view === view ? 'page' : null;
  entitle();
  main.setAttribute('aria-busy', 'true');
  main.style.minHeight = moved ? '' : `${main.offsetHeight}px`; // keeps the scroll position while the view is redrawn
  main.replaceChildren(fresh);
  try {
    await (await VIEWS[view][1]()).show(fresh, read().params, signal);
  } catch (failure) {
    fresh.append(trouble(failure));
  }
  if (signal.aborted) return;
  shown = view;
  main.removeAttribute('aria-busy');
  main.style.minHeight = '';
  performance.mark('shown');
  if (event) focus(fresh, moved, held);
}

async function name() {
  const line = await (await ask('/debug/pprof/cmdline')).text();
  program = line.split('\0')[0].split('/').pop();
  document.getElementById('program').textContent = program;
  entitle();
}

document.documentElement.classList.toggle('bare', bare);
links.append(...Object.entries(VIEWS).map(([id, [title]]) => h('li', {}, h('a', {href: href(id), 'data-view': id}, title))));
document.getElementById('take').addEventListener('click', () => take('').catch(failure => say(failure.message)));
document.querySelector('.skip').addEventListener('click', event => {
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', draw);
draw();
name().catch(failure => say(failure.message));
