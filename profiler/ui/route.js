// What is shown stands in the address, so that it can be shared: #/compare?from=1&to=2&profile=heap.
export function read() {
  const [view, query] = location.hash.replace(/^#\//, '').split('?');
  return {view: location.hash.startsWith('#/') ? view : '', params: Object.fromEntries(new URLSearchParams(query))};
}

export function href(view, params = {}) {
  const given = Object.entries(params).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return `#/${view}${given.length ? `?${new URLSearchParams(given)}` : ''}`;
}

// Another view, or the same one of something else.
export const go = (view, params) => { location.hash = href(view, params); };

// The same view of the same thing, drawn anew.
export const again = () => { dispatchEvent(new Event('hashchange')); };

// What the view changed by itself: the order of a table, say. Nothing is drawn anew.
export function note(changes) {
  const {view, params} = read();
  history.replaceState(null, '', href(view, {...params, ...changes}));
}
