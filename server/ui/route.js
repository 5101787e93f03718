// What is shown stands in the address, so that it can be shared: #scene=slice&n=16&rate=20&seconds=30, or
// #resource=fds for the cards of one resource.
export const read = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

export const href = state => {
  const given = Object.entries(state).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return `#${new URLSearchParams(given)}`;
};

// What changed within the view: nothing is drawn anew.
export const note = state => history.replaceState(null, '', href(state));
