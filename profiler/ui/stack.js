// Stacks, innermost frame first. The guilty frame is the first one in the program's own code.
import {h} from './dom.js';
import {file} from './format.js';

export const guilty = stack => stack.find(frame => frame.program) || stack[0] || {function: '[no stack]', file: '', line: 0};

export const same = stack => JSON.stringify(stack.map(frame => [frame.function, frame.file, frame.line]));

export function list(stack, title) {
  const blamed = guilty(stack);
  return h('div', {}, title ? h('p', {class: 'quiet'}, title) : null,
    h('ol', {class: 'stack'}, stack.map(frame =>
      h('li', {class: frame === blamed ? 'ours guilty' : frame.program ? 'ours' : null, title: frame.file || null},
        frame.function, frame.file ? `  ${file(frame.file, frame.line)}` : '', frame.inlined ? ' (inlined)' : ''))));
}
