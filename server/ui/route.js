// The address contains the view, so that it can be shared: #scene=slice&n=16&rate=20&seconds=30, or
// #resource=fds for the cards of one resource.
export const read = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

export const href = state => {
  const given = Object.entries(state).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return `#${new URLSearchParams(given)}`;
};

// Records a change within the view, without a redraw.
export const note = state => history.replaceState(null, '', href(state));
