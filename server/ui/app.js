// The page: draws what the address names, beside the charts, which stay.
import {h} from './dom.js';
import {ask} from './api.js';
import {budget} from './budget.js';
import {show as cards} from './cards.js';
import {charts} from './charts.js';
import {read} from './route.js';
import {show as scene} from './scene.js';
import {all} from './scenes.js';
import {refresh} from './stats.js';

const id = name => document.getElementById(name);
let ending = new AbortController();

const trouble = failure => h('section', {class: 'card trouble', role: 'alert'}, h('h2', {}, 'That did not work'), h('p', {}, failure.message));

async function draw(event) {
  const state = read(), [head, body] = [h('div'), h('div')];
  ending.abort();
  const {signal} = ending = new AbortController();
  let title = '';
  try {
    const scenes = await all();
    if (signal.aborted) return;
    title = (state.scene ? scene : cards)(head, body, scenes, state, signal);
  } catch (failure) {
    body.append(trouble(failure));
  }
  id('head').replaceChildren(...head.childNodes);
  id('body').replaceChildren(...body.childNodes);
  document.title = [title, 'Leakyard'].filter(Boolean).join(' · ');
  if (event) {
    scrollTo(0, 0);
    id('left').scrollTop = 0;
    id('head').querySelector('h1')?.focus({preventScroll: true});
  }
  performance.mark('shown');
  refresh();
}

async function beside() {
  try {
    id('profiler').href = charts(id('charts'), (await ask('/stats')).profiler);
  } catch (failure) {
    id('charts').replaceChildren(trouble(failure));
  }
}

budget(id('budget'), id('reset'), id('said'));
document.querySelector('.skip').addEventListener('click', event => {
  event.preventDefault();
  id('head').querySelector('h1')?.focus();
});
addEventListener('hashchange', draw);
draw();
beside();
