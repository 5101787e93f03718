// One scene: its controls and its lab text. The mistake and what grows are not shown here, because the
// participants should find them.
import {h} from './dom.js';
import {controls} from './controls.js';
import {lab} from './lab.js';
import {href} from './route.js';

// Goes to the next or previous scene in the catalogue. The first follows the last.
function step(scenes, from, by, text) {
  const to = scenes[(scenes.indexOf(from) + by + scenes.length) % scenes.length];
  return h('a', {href: href(controls(to).state()), title: to.title, rel: by > 0 ? 'next' : 'prev'}, text);
}

export function show(head, body, scenes, state, signal) {
  const scene = scenes.find(one => one.id === state.scene);
  if (!scene) {
    head.append(h('h1', {tabindex: '-1'}, 'There is no such scene'),
      h('p', {}, `The catalogue has no “${state.scene}”. `, h('a', {href: '#'}, 'All scenes')));
    return 'No such scene';
  }
  const own = controls(scene);
  own.take(state);
  head.append(
    h('nav', {class: 'steps', 'aria-label': 'Scenes'}, h('a', {href: '#'}, 'All scenes'),
      h('span', {class: 'apart'}),
      step(scenes, scene, -1, '← Previous'), step(scenes, scene, 1, 'Next →')),
    h('h1', {tabindex: '-1'}, scene.title),
    h('section', {class: `card chosen ${scene.resource}`, 'aria-label': 'Try it'}, own.element));
  lab(scene, body, signal);
  return scene.title;
}
