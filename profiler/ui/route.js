// The address contains the view, so that it can be shared: #/compare?from=1&to=2&profile=heap.
export function read() {
  const [view, query] = location.hash.replace(/^#\//, '').split('?');
  return {view: location.hash.startsWith('#/') ? view : '', params: Object.fromEntries(new URLSearchParams(query))};
}

export function href(view, params = {}) {
  const given = Object.entries(params).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return `#/${view}${given.length ? `?${new URLSearchParams(given)}` : ''}`;
}

// Goes to another view, or to the same view with other parameters.
export const go = (view, params) => { location.hash = href(view, params); };

// Redraws the same view.
export const again = () => { dispatchEvent(new Event('hashchange')); };

// Records a change within the view, such as the order of a table, without a redraw.
export function note(changes) {
  const {view, params} = read();
  history.replaceState(null, '', href(view, {...params, ...changes}));
}
