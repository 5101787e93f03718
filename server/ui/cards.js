// Cards of all scenes, or of those of one resource.
import {h} from './dom.js';
import {controls} from './controls.js';
import {href} from './route.js';
import {byResource, named, RESOURCES} from './scenes.js';

function card(scene) {
  const own = controls(scene);
  return h('article', {class: `card ${scene.resource}`, id: `card-${scene.id}`},
    h('div', {class: 'line'}, h('h3', {}, h('a', {href: href(own.state()), 'data-scene': scene.id}, scene.title)), h('code', {}, scene.id)),
    h('p', {class: 'lesson'}, scene.lesson), own.element);
}

const section = ([resource, scenes]) =>
  h('section', {class: `group ${resource}`, 'aria-labelledby': `group-${resource}`},
    h('h2', {id: `group-${resource}`}, named(resource), h('small', {}, (RESOURCES[resource] || [])[1])),
    h('div', {class: 'cards'}, scenes.map(card)));

export function show(head, body, scenes, {resource}) {
  const groups = byResource(scenes), one = groups.find(([name]) => name === resource);
  const link = (name, text, n) => h('li', {}, h('a', {href: name ? href({resource: name}) : '#', 'aria-current': name === (one ? resource : '') && 'true'}, `${text} `, h('small', {}, n)));
  head.append(h('h1', {tabindex: '-1'}, 'A service that leaks on purpose'),
    h('p', {class: 'quiet'}, 'Leak, or do the same work fixed. A title leads to its lab.'),
    h('nav', {'aria-label': 'Scenes by what grows'}, h('ul', {class: 'chips'}, link('', 'All', scenes.length),
      groups.map(([name, list]) => link(name, named(name), list.length)))));
  body.append(...(one ? [one] : groups).map(section));
  return one ? named(resource) : 'Scenes';
}
