// What all scenes together hold, compared with the budget, and the button to reset.
import {h} from './dom.js';
import {put} from './put.js';
import {post} from './api.js';
import {bytes, count} from './format.js';
import {stopAll} from './controls.js';
import {refresh, watch} from './stats.js';

const METERS = [['bytes', 'Memory', bytes], ['threads', 'Threads', count], ['fds', 'Descriptors', count]];
const FULL = 0.9;

function meter([key, title, write]) {
  const text = h('span', {class: 'figure'}, '–'), bar = h('span', {class: 'bar', role: 'meter', 'aria-label': `${title} held, of the budget`, 'aria-valuemin': 0});
  const element = h('div', {class: 'meter', id: `budget-${key}`}, h('span', {class: 'name'}, title), text, bar);
  const show = ({limit, used}) => {
    const share = limit[key] ? Math.min(used[key] / limit[key], 1) : 0;
    put(text, `${write(used[key])} of ${write(limit[key])}`);
    bar.style.setProperty('--share', share);
    bar.setAttribute('aria-valuemax', limit[key]);
    bar.setAttribute('aria-valuenow', used[key]);
    bar.setAttribute('aria-valuetext', text.textContent);
    element.classList.toggle('full', share >= FULL);
  };
  return {element, show};
}

export function budget(place, reset, said) {
  const meters = METERS.map(meter);
  let gone = false;
  place.append(...meters.map(one => one.element));
  watch((stats, why) => {
    if (stats) meters.forEach(one => one.show(stats.budget));
    if (gone !== Boolean(why)) put(said, why);
    gone = Boolean(why);
  });
  reset.addEventListener('click', async () => {
    stopAll();
    reset.disabled = true;
    try {
      const {drained} = await post('/reset'), scenes = Object.values(drained).filter(held => Object.values(held).some(Boolean));
      put(said, scenes.length ? `Everything was given back, by ${scenes.length} ${scenes.length === 1 ? 'scene' : 'scenes'}.` : 'Nothing was held.');
    } catch (failure) {
      put(said, failure.message);
    }
    reset.disabled = false;
    reset.focus();
    await refresh();
  });
}
