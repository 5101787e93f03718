// The catalogue, loaded once, and the names of its resources.
import {ask} from './api.js';
import {bytes, counted} from './format.js';

export const RESOURCES = {
  heap: ['Heap', 'memory from malloc that nobody gives back'],
  threads: ['Threads', 'that wait for ever'],
  unjoined: ['Unjoined threads', 'that have ended and keep their stacks'],
  fds: ['Descriptors', 'files and sockets that stay open'],
  registered: ['Registrations', 'that stay behind one descriptor'],
  mappings: ['Mappings', 'memory outside malloc’s books'],
  children: ['Child processes', 'that nobody waits for'],
  unused: ['Unused memory of malloc', 'free, and still resident'],
  none: ['Controls', 'nothing leaks here, though it may look so'],
};

let catalogue;
export const all = () => catalogue ||= ask('/scenes').then(answer => answer.scenes, failure => {
  catalogue = undefined;
  throw failure;
});

// [['heap', [scene, ...]], ...], in the order above. Unknown resources come last.
export function byResource(scenes) {
  const found = new Set([...Object.keys(RESOURCES), ...scenes.map(scene => scene.resource)]);
  return [...found].map(resource => [resource, scenes.filter(scene => scene.resource === resource)]).filter(([, list]) => list.length);
}

export const named = resource => (RESOURCES[resource] || [resource])[0];

// What a scene holds, in words. '' if nothing. `of` is its part of /stats.
export function holding(of) {
  const parts = [
    of.held_bytes && bytes(of.held_bytes),
    of.held_objects && counted(of.held_objects, 'object'),
    of.held_threads && counted(of.held_threads, 'thread'),
    of.held_unjoined && counted(of.held_unjoined, 'unjoined thread'),
    of.held_fds && counted(of.held_fds, 'descriptor'),
    of.held_mappings && counted(of.held_mappings, 'mapping'),
    of.held_children && counted(of.held_children, 'child', 'children'),
  ];
  return parts.filter(Boolean).join(', ');
}
